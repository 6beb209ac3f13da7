//! An egress that may go to loopback, and receivers that say what they are told to.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use dispatcher::egress::{Attempted, Egress, Names, WebhookRequest};
use domain::address::{AddressPolicy, PlainHttp};
use domain::outcome::{Failure, Observed};
use http::HeaderMap;
use testkit::raw::{Receiver, read_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// Longer than anything takes that isn't meant to run into the deadline.
pub(crate) const AMPLE: Duration = Duration::from_secs(20);

/// Long enough to connect on loopback, short enough to wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(400);

/// What a busy machine may add to a deadline.
pub(crate) const SLACK: Duration = Duration::from_secs(5);

/// Connections that are kept for one host.
pub(crate) const IDLE_PER_HOST: usize = 128;

/// Loopback over http beside the public Internet.
pub(crate) fn loopback() -> AddressPolicy {
    AddressPolicy {
        allowed: vec!["127.0.0.0/8".parse().unwrap()],
        http: PlainHttp::Allowed,
    }
}

/// An egress that asks nobody for names: port 9 of loopback discards.
pub(crate) fn egress(policy: AddressPolicy) -> Egress {
    let names = Names::Servers(vec!["127.0.0.1:9".parse().unwrap()]);
    Egress::build(policy, None::<&PathBuf>, &names, IDLE_PER_HOST).unwrap()
}

pub(crate) fn url(text: &str) -> Url {
    text.parse().unwrap()
}

pub(crate) async fn post(egress: &Egress, text: &str, deadline: Duration) -> Attempted {
    let request = WebhookRequest {
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
    };
    egress.post(&url(text), request, deadline).await
}

/// Posts once to the receiver, over loopback.
pub(crate) async fn post_to(receiver: &Receiver, deadline: Duration) -> Attempted {
    post(&egress(loopback()), &receiver.url(), deadline).await
}

/// Reads each request, answers with these bytes, and closes as TCP closes in order.
pub(crate) async fn saying(bytes: impl Into<Bytes>) -> Receiver {
    let bytes = bytes.into();
    Receiver::start(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            if read_request(&mut stream).await.is_ok() {
                let _cut_short = stream.write_all(&bytes).await;
                let _cut_short = stream.shutdown().await;
                until_closed(&mut stream).await;
            }
        }
    })
    .await
}

/// Counts connections, and answers none.
pub(crate) async fn canary() -> Receiver {
    Receiver::start(async |mut stream| until_closed(&mut stream).await).await
}

/// Waits until the other side is gone, so that it isn't we who end the connection.
pub(crate) async fn until_closed(stream: &mut TcpStream) {
    let mut rest = [0; 4096];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

pub(crate) fn status(attempted: &Attempted) -> Option<u16> {
    match attempted.observed {
        Observed::Answered { status, .. } => Some(status),
        Observed::Failed(_) => None,
    }
}

pub(crate) fn failure(attempted: &Attempted) -> Option<Failure> {
    match attempted.observed {
        Observed::Answered { .. } => None,
        Observed::Failed(failure) => Some(failure),
    }
}
