//! RabbitMQ's management API, read.
//!
//! Source: <https://www.rabbitmq.com/docs/management#http-api>.

use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::StatusCode;
use reqwest::header::DATE;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::Url;

use crate::client;

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The API, for one virtual host.
pub(super) struct Management {
    http: reqwest::Client,
    base: Url,
    /// As it stands in a path.
    vhost: String,
    pub(super) user: String,
}

/// What the broker says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Overview {
    pub(super) rabbitmq_version: String,
}

/// A member of the cluster.
#[derive(Debug, Deserialize)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) running: bool,
    #[serde(default)]
    pub(super) mem_alarm: bool,
    #[serde(default)]
    pub(super) disk_free_alarm: bool,
    #[serde(default)]
    pub(super) partitions: Vec<String>,
}

/// A queue as it stands.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Queue {
    pub(super) name: String,
    #[serde(default)]
    pub(super) durable: bool,
    #[serde(default)]
    pub(super) arguments: Map<String, Value>,
    pub(super) policy: Option<String>,
    /// A list instead of an object where there is none.
    #[serde(default)]
    pub(super) effective_policy_definition: Value,
    #[serde(default)]
    pub(super) messages: u64,
    #[serde(default)]
    pub(super) consumers: u64,
    #[serde(default)]
    pub(super) members: Vec<String>,
    #[serde(default)]
    pub(super) online: Vec<String>,
}

/// An exchange as it stands.
#[derive(Debug, Deserialize)]
pub(super) struct Exchange {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) arguments: Map<String, Value>,
}

/// A binding as it stands.
#[derive(Debug, Deserialize)]
pub(super) struct Binding {
    pub(super) source: String,
    pub(super) destination: String,
    pub(super) routing_key: String,
}

/// What a user may do: patterns of names.
#[derive(Debug, Deserialize)]
pub(super) struct Permission {
    pub(super) user: String,
    pub(super) configure: String,
    pub(super) write: String,
    pub(super) read: String,
}

/// Why something can't be read.
#[derive(Debug)]
pub(super) enum Unread {
    /// The user lacks the tag that it takes.
    Forbidden,
    /// Anything else.
    Failed(anyhow::Error),
}

impl Management {
    /// For the virtual host and the user of this broker; at the usual port of its host unless told
    /// where.
    pub(super) fn of(amqp: &SecretString, given: Option<&SecretString>) -> anyhow::Result<Self> {
        let amqp = Url::parse(amqp.expose_secret()).context("POSTHASTE_AMQP_URL is no URL")?;
        let base = match given {
            Some(url) => Url::parse(url.expose_secret()).context("POSTHASTE_MANAGEMENT_URL")?,
            None => usual(&amqp)?,
        };
        let vhost = match amqp.path().trim_start_matches('/') {
            "" => "%2f".to_owned(),
            vhost => vhost.to_owned(),
        };
        Ok(Self {
            http: client::http(DEADLINE)?,
            base,
            vhost,
            user: amqp.username().to_owned(),
        })
    }

    /// The version, and the clock.
    pub(super) async fn overview(&self) -> Result<(Overview, Option<OffsetDateTime>), Unread> {
        let answer = self.send("overview").await?;
        let date = answer.headers().get(DATE);
        // HTTP's dates end with GMT, the standard's with an offset.
        let date = date.and_then(|date| date.to_str().ok());
        let date = date.map(|date| date.replace("GMT", "+0000"));
        let date = date.and_then(|date| OffsetDateTime::parse(&date, &Rfc2822).ok());
        Ok((read(answer).await?, date))
    }

    /// The cluster's members.
    pub(super) async fn nodes(&self) -> Result<Vec<Node>, Unread> {
        read(self.send("nodes").await?).await
    }

    /// The queues, exchanges, bindings or permissions of the virtual host.
    pub(super) async fn all<T: DeserializeOwned>(&self, kind: Kind) -> Result<Vec<T>, Unread> {
        let vhost = &self.vhost;
        let path = match kind {
            Kind::Queues => format!("queues/{vhost}"),
            Kind::Exchanges => format!("exchanges/{vhost}"),
            Kind::Bindings => format!("bindings/{vhost}"),
            Kind::Permissions => format!("vhosts/{vhost}/permissions"),
        };
        read(self.send(&path).await?).await
    }

    async fn send(&self, path: &str) -> Result<reqwest::Response, Unread> {
        let url = self.base.join(&format!("/api/{path}"));
        let url = url.map_err(|error| Unread::Failed(error.into()))?;
        // Its own text may show the URL, and that the password.
        let sent = self.http.get(url).send().await;
        let answer = sent.map_err(|error| Unread::Failed(error.without_url().into()))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Unread::Forbidden),
            status => Err(Unread::Failed(anyhow!("it answers {status}"))),
        }
    }
}

/// What a virtual host has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Queues,
    Exchanges,
    Bindings,
    Permissions,
}

async fn read<T: DeserializeOwned>(answer: reqwest::Response) -> Result<T, Unread> {
    let read = answer.json().await;
    read.map_err(|error| Unread::Failed(error.without_url().into()))
}

fn usual(amqp: &Url) -> anyhow::Result<Url> {
    let (scheme, port) = match amqp.scheme() {
        "amqps" => ("https", 15671),
        _ => ("http", 15672),
    };
    let host = amqp.host_str().context("POSTHASTE_AMQP_URL has no host")?;
    let mut url = Url::parse(&format!("{scheme}://{host}:{port}"))?;
    let named = url.set_username(amqp.username());
    named
        .and_then(|()| url.set_password(amqp.password()))
        .map_err(|()| anyhow!("POSTHASTE_AMQP_URL has no host"))?;
    Ok(url)
}
