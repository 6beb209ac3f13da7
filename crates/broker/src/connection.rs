//! One connection to the broker, made within a deadline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use secrecy::ExposeSecret;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::{Host, Url};

use crate::config::Config;
use crate::tamed;

/// How many attempts to connect may be under way at once. One that timed out while the broker's
/// machine keeps silent can't be taken back: it holds a thread until the socket gives up.
const ATTEMPTS_UNDER_WAY: usize = 8;

/// The URL of the configuration can't be used. What it says holds nothing of the URL, which may
/// carry a password.
#[derive(Debug, Error)]
pub enum UrlError {
    /// It is no URL.
    #[error("the broker's URL is not a URL")]
    Malformed(#[from] url::ParseError),
    /// It is one of another kind.
    #[error("the broker's URL does not begin with amqp:// or amqps://")]
    NotAmqp,
    /// It is one of AMQP, with something in it that isn't understood.
    #[error("the broker's URL has an escape or a parameter that is not valid")]
    Invalid,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error(transparent)]
    Refused(#[from] lapin::Error),
}

/// Where the broker is, and how to connect to it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    uri: AMQPUri,
    name: Arc<str>,
    pub(crate) timeout: Duration,
    under_way: Arc<Semaphore>,
}

impl Endpoint {
    pub(crate) fn new(config: &Config) -> Result<Self, UrlError> {
        let text = config.url.expose_secret();
        let url = Url::parse(text)?;
        if !matches!(url.scheme(), "amqp" | "amqps") || url.cannot_be_a_base() {
            return Err(UrlError::NotAmqp);
        }
        // The library's own errors quote the URL.
        let mut uri: AMQPUri = text.parse().map_err(|_| UrlError::Invalid)?;
        // It takes `localhost` for every host that is an IPv6 address.
        if let Some(Host::Ipv6(address)) = url.host() {
            uri.authority.host = address.to_string();
        }
        let heartbeat = config.heartbeat.as_secs().clamp(1, u64::from(u16::MAX));
        uri.query.heartbeat = u16::try_from(heartbeat).ok();
        Ok(Self {
            uri,
            name: config.name.as_str().into(),
            timeout: config.connect_timeout,
            under_way: Arc::new(Semaphore::new(ATTEMPTS_UNDER_WAY)),
        })
    }

    /// Connects, under the role's name and this purpose.
    pub(crate) async fn connect(&self, purpose: &str) -> Result<Connection, ConnectError> {
        let limit = self.timeout;
        let name = format!("{} {purpose}", self.name);
        let uri = self.uri.clone();
        let attempt = async {
            let under_way = Arc::clone(&self.under_way).acquire_owned().await;
            // A task of its own, so that an attempt which outlives its deadline still counts as
            // under way, and a connection that comes of it late is closed.
            tokio::spawn(async move {
                let _under_way = under_way;
                open(uri, name, limit).await
            })
            .await
        };
        match timeout(limit, attempt).await {
            Ok(Ok(connected)) => Ok(connected?),
            Ok(Err(panicked)) => Err(lapin::Error::from(io::Error::other(panicked)).into()),
            Err(_) => Err(ConnectError::Timeout(limit)),
        }
    }
}

/// Opens a channel on a connection, within `limit`.
pub(crate) async fn channel(
    connection: &Connection,
    limit: Duration,
) -> Result<Channel, ConnectError> {
    match timeout(limit, connection.create_channel()).await {
        Ok(opened) => Ok(opened?),
        Err(_) => Err(ConnectError::Timeout(limit)),
    }
}

async fn open(uri: AMQPUri, name: String, limit: Duration) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default()
        .with_client_property("product".into(), "posthaste".into())
        .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into())
        .with_connection_name(name.into());
    tamed::connect(uri, properties, limit).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::new(&Config::new(url.into(), "test")).unwrap()
    }

    #[test]
    fn hosts_and_virtual_hosts_are_read() {
        let cases = [
            ("amqp://broker", "broker", 5672, "/"),
            ("amqps://user:p%40ss@broker", "broker", 5671, "/"),
            ("amqp://127.0.0.1:1234/%2f", "127.0.0.1", 1234, "/"),
            ("amqp://[::1]:1234/ours", "::1", 1234, "ours"),
        ];
        for (url, host, port, vhost) in cases {
            let uri = endpoint(url).uri;
            let read = (
                uri.authority.host.as_str(),
                uri.authority.port,
                uri.vhost.as_str(),
            );
            assert_eq!(read, (host, port, vhost), "{url}");
        }
    }

    #[test]
    fn an_error_about_a_url_does_not_tell_its_password() {
        for url in [
            "http://user:secret@broker",
            "user:secret@broker",
            "amqp:user:secret",
            "amqp://user:secret@broker?heartbeat=secret",
            "amqp://user:secret%ff@broker",
        ] {
            let error = Endpoint::new(&Config::new(url.into(), "test"))
                .err()
                .unwrap();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
