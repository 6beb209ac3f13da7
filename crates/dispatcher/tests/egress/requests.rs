//! What a receiver reads, byte for byte, and answers that don't wait for it.

use std::sync::Arc;

use bytes::Bytes;
use dispatcher::egress::{Attempted, Egress, WebhookRequest};
use domain::limits::EVENT_BODY_BYTES;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use testkit::raw::{Receiver, read_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::support::{AMPLE, SLACK, egress, loopback, post, status, until_closed, url};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// What a receiver would take for an answer to the next request. It would disable the endpoint.
const STRAY: &[u8] = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";

async fn post_body(egress: &Egress, receiver: &Receiver, body: Bytes) -> Attempted {
    let headers = HeaderMap::new();
    let request = WebhookRequest { headers, body };
    egress.post(&url(&receiver.url()), request, AMPLE).await
}

/// Every byte there is, as long as an event may be.
fn longest_body() -> Bytes {
    (0..=u8::MAX).cycle().take(EVENT_BODY_BYTES).collect()
}

#[tokio::test]
async fn the_bytes_are_ours() {
    let (sender, mut requests) = mpsc::channel(1);
    let receiver = Receiver::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            let request = read_request(&mut stream).await.unwrap();
            stream.write_all(OK).await.unwrap();
            sender.send(request).await.unwrap();
        }
    })
    .await;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.append("x-own", HeaderValue::from_static("one"));
    headers.append("x-own", HeaderValue::from_bytes(b"t\xffo").unwrap());
    let body = longest_body();
    let request = WebhookRequest {
        headers,
        body: body.clone(),
    };

    let attempted = egress(loopback())
        .post(&url(&receiver.url()), request, AMPLE)
        .await;

    assert_eq!(status(&attempted), Some(200), "{attempted:?}");
    let sent = timeout(AMPLE, requests.recv()).await.unwrap().unwrap();
    let (head, sent_body) = sent.split_at(sent.len() - body.len());
    assert!(sent_body == body, "the body arrives as it was given");
    let head = head.strip_suffix(b"\r\n\r\n").unwrap();
    let mut lines: Vec<String> = head
        .split(|byte| *byte == b'\n')
        .map(|line| line.trim_ascii_end().escape_ascii().to_string())
        .collect();
    lines[1..].sort_unstable();
    let host = format!("host: {}", receiver.address());
    let length = format!("content-length: {}", body.len());
    // A list, not a map: no line is there twice.
    assert_eq!(
        lines,
        [
            "POST /webhooks HTTP/1.1",
            "accept: */*",
            &length,
            "content-type: application/json",
            &host,
            "x-own: one",
            "x-own: t\\xffo",
        ]
    );
}

#[tokio::test]
async fn an_answer_before_the_body_was_read_counts() {
    let receiver = Receiver::start(async |mut stream| {
        let mut begin = [0; 10];
        stream.read_exact(&mut begin).await.unwrap();
        let answer = b"HTTP/1.1 413 ?\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        std::future::pending().await
    })
    .await;
    let egress = egress(loopback());
    // More than the sockets of both sides hold.
    let body = Bytes::from(vec![b' '; 64 * 1024 * 1024]);
    for made in 1..=2 {
        let attempted = post_body(&egress, &receiver, body.clone()).await;
        assert_eq!(status(&attempted), Some(413), "{attempted:?}");
        assert!(attempted.duration < SLACK, "{:?}", attempted.duration);
        assert_eq!(receiver.connections(), made, "half a request was on it");
    }
}

#[tokio::test]
async fn an_answer_that_comes_with_another_is_not_the_next_ones() {
    let receiver = Receiver::start(async |mut stream| {
        while read_request(&mut stream).await.is_ok() {
            let _cut_short = stream.write_all(&[OK, STRAY].concat()).await;
        }
    })
    .await;
    let egress = egress(loopback());
    for _ in 0..5 {
        let attempted = post(&egress, &receiver.url(), AMPLE).await;
        assert_eq!(status(&attempted), Some(200), "{attempted:?}");
    }
    assert_eq!(receiver.connections(), 5);
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_ends_the_connection() {
    let (go, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (when, ended) = (Arc::clone(&go), Arc::clone(&gone));
    let receiver = Receiver::start(move |mut stream| {
        let (when, ended) = (Arc::clone(&when), Arc::clone(&ended));
        async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(OK).await.unwrap();
            when.notified().await;
            stream.write_all(STRAY).await.unwrap();
            until_closed(&mut stream).await;
            ended.notify_one();
        }
    })
    .await;
    let egress = egress(loopback());
    let first = post(&egress, &receiver.url(), AMPLE).await;
    go.notify_one();
    timeout(AMPLE, gone.notified()).await.unwrap();

    let second = post(&egress, &receiver.url(), AMPLE).await;

    assert_eq!((status(&first), status(&second)), (Some(200), Some(200)));
    assert_eq!(receiver.connections(), 2);
}
