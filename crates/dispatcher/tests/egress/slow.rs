//! One deadline over everything, and what was being waited for when it passed.

use std::time::Duration;

use bytes::Bytes;
use dispatcher::egress::WebhookRequest;
use domain::outcome::Failure;
use http::HeaderMap;
use rstest::rstest;
use socket2::{Domain, Socket, Type};
use testkit::raw::{Receiver, read_request};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{
    SHORT, SLACK, canary, egress, failure, loopback, post, post_to, until_closed, url,
};

fn assert_in_time(took: Duration) {
    assert!((SHORT..SHORT + SLACK).contains(&took), "{took:?}");
}

/// Says the same again and again, slowly or as fast as it is taken.
async fn repeating(start: &'static str, more: &'static str, every: Option<Duration>) -> Receiver {
    Receiver::start(move |mut stream| async move {
        read_request(&mut stream).await.unwrap();
        let _cut_short = stream.write_all(start.as_bytes()).await;
        let mut ticks = every.map(tokio::time::interval);
        loop {
            match &mut ticks {
                Some(ticks) => drop(ticks.tick().await),
                None => tokio::task::yield_now().await,
            }
            if stream.write_all(more.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_receiver_that_hangs_before_its_answer() {
    let attempted = post_to(&canary().await, SHORT).await;
    assert_eq!(failure(&attempted), Some(Failure::ResponseTimeout));
    assert_in_time(attempted.duration);
}

#[rstest]
#[case::blank_lines("", "\r\n")]
#[case::reason("HTTP/1.1 200 O", "K")]
#[case::header("HTTP/1.1 200 OK\r\na: ", "b")]
#[case::early_hints("", "HTTP/1.1 103 Early Hints\r\n\r\n")]
#[tokio::test]
async fn a_head_that_drips(#[case] start: &'static str, #[case] more: &'static str) {
    let receiver = repeating(start, more, Some(SHORT / 20)).await;
    let attempted = post_to(&receiver, SHORT).await;
    assert_eq!(
        failure(&attempted),
        Some(Failure::ResponseTimeout),
        "{attempted:?}"
    );
    assert_in_time(attempted.duration);
}

#[tokio::test]
async fn a_flood_of_informational_answers() {
    let receiver = repeating("", "HTTP/1.1 103 Early Hints\r\n\r\n", None).await;
    let attempted = post_to(&receiver, SHORT).await;
    assert_eq!(failure(&attempted), Some(Failure::ResponseTimeout));
    assert_in_time(attempted.duration);
}

#[tokio::test]
async fn a_receiver_that_never_reads() {
    let receiver = Receiver::start(async |_stream: TcpStream| std::future::pending().await).await;
    let request = WebhookRequest {
        headers: HeaderMap::new(),
        body: Bytes::from(vec![b' '; 64 * 1024 * 1024]),
    };
    let attempted = egress(loopback())
        .post(&url(&receiver.url()), request, SHORT)
        .await;
    assert_eq!(failure(&attempted), Some(Failure::ResponseTimeout));
    assert_in_time(attempted.duration);
}

#[tokio::test]
async fn a_machine_that_answers_no_connection() {
    // A listener whose queue is full drops what else wants to connect, as a black hole does.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener
        .bind(
            &"127.0.0.1:0"
                .parse::<std::net::SocketAddr>()
                .unwrap()
                .into(),
        )
        .unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 64, "the queue fills");
    }

    let attempted = post(&egress(loopback()), &format!("http://{address}/"), SHORT).await;

    assert_eq!(failure(&attempted), Some(Failure::ConnectTimeout));
    assert_in_time(attempted.duration);
}

#[tokio::test]
async fn a_handshake_that_stalls() {
    let canary = canary().await;
    let stalled = format!("https://{}/", canary.address());
    let attempted = post(&egress(loopback()), &stalled, SHORT).await;
    assert_eq!(failure(&attempted), Some(Failure::TlsTimeout));
    assert_in_time(attempted.duration);
}

/// Before the attempt's own deadline, when that is long.
#[tokio::test]
async fn a_handshake_that_stalls_is_waited_for_a_bounded_time() {
    let canary = canary().await;
    let stalled = format!("https://{}/", canary.address());
    let attempted = post(&egress(loopback()), &stalled, Duration::from_secs(60)).await;
    assert_eq!(failure(&attempted), Some(Failure::TlsTimeout));
    let connecting = Duration::from_secs(10);
    assert!(
        (connecting..connecting + SLACK).contains(&attempted.duration),
        "{:?}",
        attempted.duration
    );
}

#[tokio::test]
async fn a_second_request_over_a_connection_that_has_gone_silent() {
    let receiver = Receiver::start(async |mut stream| {
        read_request(&mut stream).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        until_closed(&mut stream).await;
    })
    .await;
    let egress = egress(loopback());
    post(&egress, &receiver.url(), SLACK).await;
    let attempted = post(&egress, &receiver.url(), SHORT).await;
    assert_eq!(failure(&attempted), Some(Failure::ResponseTimeout));
    assert_eq!(receiver.connections(), 1);
}
