//! The bare client, the limit of any sender: the same client, to the same receiver, with no queue and no record
//! between them.

use anyhow::ensure;

use crate::load::{Load, closed, payload};
use crate::receiver::Receiver;

/// Requests before the measured ones.
const WARM_UP: usize = 2_000;

/// Posts `requests` bodies of an event with a payload of about `payload_bytes`, in the guide's
/// format and with the headers of a delivery, `at_once` under way. Nothing is signed or composed:
/// all are the same bytes.
pub(crate) async fn post(
    http: &reqwest::Client,
    receiver: &Receiver,
    requests: usize,
    payload_bytes: usize,
    at_once: usize,
) -> anyhow::Result<Load> {
    let body = body(payload_bytes);
    let url = format!("{}/bare", receiver.url);
    let http = http.clone();
    let send = move |_: usize| deliver(http.clone(), url.clone(), body.clone());
    closed(WARM_UP, 1, at_once, send.clone()).await?;
    closed(requests, 1, at_once, send).await
}

async fn deliver(http: reqwest::Client, url: String, body: String) -> anyhow::Result<()> {
    let request = http
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", "msg_01JD8Z6Q3V9T5W2X7Y4B1C0N8M")
        .header("webhook-timestamp", "1705314600")
        .header(
            "webhook-signature",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        );
    let answer = request.body(body).send().await?;
    let status = answer.status();
    ensure!(status.is_success(), "the receiver answered {status}");
    answer.bytes().await?;
    Ok(())
}

fn body(payload_bytes: usize) -> String {
    let data = payload(payload_bytes, None);
    let signature = "0".repeat(64);
    format!(
        r#"{{"event":"shipment.created","data":{data},"timestamp":"2024-01-15T10:30:00.000Z","signature":"{signature}"}}"#
    )
}
