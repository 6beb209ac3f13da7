//! The bare client, the limit of any sender: the same client, to the same receiver, with no queue and no record
//! between them.

use anyhow::ensure;

use crate::load::{Load, closed, payload};
use crate::receiver::Receiver;

/// Requests before the measured ones.
const WARM_UP: usize = 2_000;

/// Posts bodies of an event in the guide's format and with the headers of a delivery. Nothing is
/// signed or composed: all are the same bytes.
#[derive(Clone)]
pub(crate) struct Bare {
    http: reqwest::Client,
    url: String,
    body: String,
}

impl Bare {
    /// To this receiver, with payloads of about so many bytes.
    pub(crate) fn new(http: reqwest::Client, receiver: &Receiver, payload_bytes: usize) -> Self {
        Self {
            http,
            url: format!("{}/bare", receiver.url),
            body: body(payload_bytes),
        }
    }

    /// Posts so many, `at_once` under way.
    pub(crate) async fn load(&self, requests: usize, at_once: usize) -> anyhow::Result<Load> {
        let bare = self.clone();
        let send = move |_: usize| bare.clone().post();
        closed(WARM_UP, 1, at_once, send.clone()).await?;
        closed(requests, 1, at_once, send).await
    }

    /// Posts one.
    pub(crate) async fn post(self) -> anyhow::Result<()> {
        let request = self
            .http
            .post(self.url)
            .header("content-type", "application/json")
            .header("webhook-id", "msg_01JD8Z6Q3V9T5W2X7Y4B1C0N8M")
            .header("webhook-timestamp", "1705314600")
            .header(
                "webhook-signature",
                "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            );
        let answer = request.body(self.body).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "the receiver answered {status}");
        answer.bytes().await?;
        Ok(())
    }
}

fn body(payload_bytes: usize) -> String {
    let data = payload(payload_bytes, None);
    let signature = "0".repeat(64);
    format!(
        r#"{{"event":"shipment.created","data":{data},"timestamp":"2024-01-15T10:30:00.000Z","signature":"{signature}"}}"#
    )
}
