//! How connections are made, broken and used again; and what is sent over them.

use std::sync::Arc;

use bytes::Bytes;
use dispatcher::egress::WebhookRequest;
use domain::outcome::Failure;
use futures::future::join_all;
use http::header::{CONTENT_TYPE, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use rstest::rstest;
use testkit::eventually;
use testkit::raw::{self, read_request};
use testkit::receiver::{Receiver, Respond};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use crate::support::{
    AMPLE, IDLE_PER_HOST, egress, failure, loopback, post, post_to, saying, status, url,
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_closed_port_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let attempted = post(&egress(loopback()), &format!("http://{address}/"), AMPLE).await;
    assert_eq!(failure(&attempted), Some(Failure::ConnectionRefused));
}

#[rstest]
#[case::at_once(0)]
#[case::in_the_request(10)]
#[tokio::test]
async fn a_reset_before_the_answer(#[case] after_bytes: usize) {
    let receiver = raw::Receiver::start(move |mut stream| async move {
        let mut read = vec![0; after_bytes];
        stream.read_exact(&mut read).await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    let attempted = post_to(&receiver, AMPLE).await;
    assert_eq!(
        failure(&attempted),
        Some(Failure::ConnectionClosed),
        "{attempted:?}"
    );
    assert_eq!(receiver.connections(), 1, "it is not sent again");
}

#[tokio::test]
async fn nothing_is_sent_twice() {
    let receiver = saying("").await;
    let attempted = post_to(&receiver, AMPLE).await;
    assert_eq!(failure(&attempted), Some(Failure::ConnectionClosed));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let receiver = raw::Receiver::start(async |mut stream| {
        while read_request(&mut stream).await.is_ok() {
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let egress = egress(loopback());
    for _ in 0..5 {
        assert_eq!(
            status(&post(&egress, &receiver.url(), AMPLE).await),
            Some(200)
        );
    }
    assert_eq!(receiver.connections(), 1);
}

/// As many at once as there are places at a host: a connection for each, the first time.
#[tokio::test]
async fn connections_are_used_again_by_as_many_at_once() {
    let all = Arc::new(Barrier::new(IDLE_PER_HOST));
    let receiver = raw::Receiver::start(move |mut stream| {
        let all = Arc::clone(&all);
        async move {
            while read_request(&mut stream).await.is_ok() {
                all.wait().await;
                stream.write_all(OK).await.unwrap();
            }
        }
    })
    .await;
    let (egress, url) = (egress(loopback()), receiver.url());
    let round = async || {
        let posts = (0..IDLE_PER_HOST).map(|_| post(&egress, &url, AMPLE));
        for attempted in join_all(posts).await {
            assert_eq!(status(&attempted), Some(200), "{attempted:?}");
        }
        receiver.connections()
    };
    // A connection may come back to the pool a moment after the answer that came on it.
    eventually(AMPLE, "a round without a new connection", async || {
        let made = round().await;
        let after = round().await;
        if after == made { Ok(()) } else { Err(after) }
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_fails_nothing() {
    let receiver = saying(OK).await;
    let egress = egress(loopback());
    for made in 1..=3 {
        assert_eq!(
            status(&post(&egress, &receiver.url(), AMPLE).await),
            Some(200)
        );
        assert_eq!(receiver.connections(), made);
    }
}

#[tokio::test]
async fn what_is_sent_is_what_was_given_and_little_else() {
    let receiver = Receiver::start([Respond::ok().header(SET_COOKIE, "a=b; Path=/")]).await;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("Posthaste/test"));
    let egress = egress(loopback());
    let target = url(&format!("{}?a=b&c", receiver.url()));
    for _ in 0..2 {
        let request = WebhookRequest {
            headers: headers.clone(),
            body: Bytes::from_static(b"{\"a\": 1}"),
        };
        egress.post(&target, request, AMPLE).await;
    }

    for request in receiver.wait_for(2, AMPLE).await {
        let mut names: Vec<&str> = request.headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        // No accept-encoding, no cookie, no referer, nothing of a proxy.
        assert_eq!(
            names,
            [
                "accept",
                "content-length",
                "content-type",
                "host",
                "user-agent"
            ]
        );
        assert_eq!(request.method, http::Method::POST);
        assert_eq!(request.uri, "/webhooks?a=b&c");
        assert_eq!(request.body.as_ref(), b"{\"a\": 1}");
        assert_eq!(request.headers[USER_AGENT], "Posthaste/test");
    }
}

#[test]
fn a_request_does_not_show_what_it_carries() {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("SECRET"));
    let request = WebhookRequest {
        headers,
        body: Bytes::from_static(b"SECRET"),
    };
    assert_eq!(
        format!("{request:?}"),
        "WebhookRequest { body_bytes: 6, .. }"
    );
}
