//! Receivers answer as scripted, and record what came.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, RETRY_AFTER};
use http::{Method, Request};
use http_body_util::Full;
use testkit::raw::{self, read_request};
use testkit::{Fetched, Receiver, Respond, fetch};
use tokio::io::AsyncWriteExt;

const SOON: Duration = Duration::from_secs(10);

async fn post(url: &str, id: &str, body: &'static str) -> std::io::Result<Fetched> {
    let request = Request::post(url)
        .header("webhook-id", id)
        .body(Full::from(body))
        .expect("the URL is one");
    fetch(request).await
}

async fn status(url: &str, id: &str) -> u16 {
    post(url, id, "x").await.expect("an answer").status.as_u16()
}

#[tokio::test]
async fn a_script_is_played_in_order_and_its_last_entry_repeats() {
    let late = Respond::status(503).header(RETRY_AFTER, "7").body("later");
    let receiver = Receiver::start([Respond::status(500), late, Respond::ok()]).await;
    assert_eq!(status(&receiver.url(), "a").await, 500);
    let second = post(&receiver.url(), "b", "{\"n\": 1e400}").await.unwrap();
    assert_eq!(
        (second.status.as_u16(), &second.body[..]),
        (503, b"later".as_slice())
    );
    assert_eq!(second.headers[RETRY_AFTER], "7");
    assert_eq!(status(&receiver.url(), "c").await, 200);
    assert_eq!(status(&receiver.url(), "d").await, 200);

    let requests = receiver.wait_for(4, SOON).await;
    let ids: Vec<&[u8]> = requests
        .iter()
        .map(|r| r.headers["webhook-id"].as_bytes())
        .collect();
    assert_eq!(ids, [b"a", b"b", b"c", b"d"]);
    assert_eq!(requests[1].body, "{\"n\": 1e400}");
    assert_eq!(
        (&requests[1].method, requests[1].uri.path()),
        (&Method::POST, "/webhooks")
    );
    assert!(requests.is_sorted_by_key(|request| request.at));
}

#[tokio::test]
async fn a_script_can_be_played_for_each_message() {
    let script = [Respond::status(500), Respond::ok()];
    let receiver = Receiver::start_for_each("webhook-id", script).await;
    let mut seen = Vec::new();
    for id in ["a", "b", "a", "b", "a"] {
        seen.push(status(&receiver.url(), id).await);
    }
    assert_eq!(seen, [500, 500, 200, 200, 200]);
}

#[tokio::test]
async fn a_request_can_be_left_without_an_answer() {
    let receiver = Receiver::start([Respond::close(), Respond::hang()]).await;
    post(&receiver.url(), "a", "x").await.unwrap_err();
    let url = receiver.url();
    let hanging = tokio::spawn(async move { post(&url, "b", "x").await });
    receiver.wait_for(2, SOON).await;
    assert!(!hanging.is_finished());
    drop(receiver);
    hanging.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn an_answer_can_be_late_and_is_decided_by_the_request() {
    const PAUSE: Duration = Duration::from_millis(120);
    let receiver = Receiver::with(|request| match request.uri.query() {
        Some("slow") => Respond::ok().after(PAUSE),
        _ => Respond::status(404),
    })
    .await;
    assert_eq!(status(&receiver.url(), "a").await, 404);
    let began = std::time::Instant::now();
    assert_eq!(status(&format!("{}?slow", receiver.url()), "b").await, 200);
    assert!(began.elapsed() >= PAUSE);
}

#[tokio::test]
async fn a_raw_receiver_plays_any_bytes() {
    let receiver = raw::Receiver::start(async |mut stream| {
        let request = read_request(&mut stream).await.unwrap();
        assert!(request.ends_with(b"\r\n\r\nhello"));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nx-odd: \xff\r\ncontent-length: 2\r\n\r\nok")
            .await
            .unwrap();
    })
    .await;
    let answer = post(&receiver.url(), "a", "hello").await.unwrap();
    assert_eq!(
        answer.headers[HeaderName::from_static("x-odd")].as_bytes(),
        b"\xff"
    );
    assert_eq!(answer.body, Bytes::from_static(b"ok"));
    assert_eq!(receiver.connections(), 1);
}
