//! The status decides; what is kept of the body is bounded.

use bytes::Bytes;
use domain::limits::ANSWER_BYTES;
use domain::report::Extent;
use rstest::rstest;
use testkit::raw::{Receiver, read_request};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::{
    AMPLE, SHORT, SLACK, egress, loopback, post, post_to, saying, status, until_closed,
};

/// Says `head`, then `more` for as long as anybody listens, and tells when nobody does.
async fn endless(head: &'static str, more: Bytes) -> (Receiver, watch::Receiver<bool>) {
    let (gone, ended) = watch::channel(false);
    let receiver = Receiver::start(move |mut stream| {
        let (more, gone) = (more.clone(), gone.clone());
        async move {
            read_request(&mut stream).await.unwrap();
            let _cut_short = stream.write_all(head.as_bytes()).await;
            while stream.write_all(&more).await.is_ok() {}
            gone.send_replace(true);
        }
    })
    .await;
    (receiver, ended)
}

#[rstest]
#[case::until_the_end("HTTP/1.1 200 OK\r\n\r\n", Bytes::from(vec![b'a'; 4096]))]
#[case::ten_gigabytes("HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n", Bytes::from(vec![b'a'; 4096]))]
#[case::chunks(
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    Bytes::from_static(b"1\r\na\r\n")
)]
#[tokio::test]
async fn an_endless_body_is_cut_off(#[case] head: &'static str, #[case] more: Bytes) {
    let (receiver, mut ended) = endless(head, more).await;

    let attempted = post_to(&receiver, AMPLE).await;

    assert_eq!(status(&attempted), Some(200));
    assert_eq!(
        (attempted.answer.len(), attempted.extent),
        (ANSWER_BYTES, Extent::Truncated)
    );
    assert!(attempted.answer.iter().all(|byte| *byte == b'a'));
    assert!(attempted.duration < AMPLE, "{:?}", attempted.duration);
    timeout(AMPLE, ended.wait_for(|gone| *gone))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn endless_chunk_extensions_are_cut_off() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;a=";
    let (receiver, mut ended) = endless(head, Bytes::from(vec![b'b'; 4096])).await;
    let attempted = post_to(&receiver, AMPLE).await;
    assert_eq!(
        (status(&attempted), attempted.extent),
        (Some(200), Extent::Truncated)
    );
    assert!(attempted.duration < AMPLE, "{:?}", attempted.duration);
    timeout(AMPLE, ended.wait_for(|gone| *gone))
        .await
        .unwrap()
        .unwrap();
}

#[rstest]
#[case::just_fits(ANSWER_BYTES, Extent::Whole)]
#[case::one_over(ANSWER_BYTES + 1, Extent::Truncated)]
#[tokio::test]
async fn the_bound_is_exact(#[case] length: usize, #[case] extent: Extent) {
    let body = "a".repeat(length);
    let answer = format!("HTTP/1.1 500 ?\r\ncontent-length: {length}\r\n\r\n{body}");
    let attempted = post_to(&saying(answer).await, AMPLE).await;
    assert_eq!(status(&attempted), Some(500));
    assert_eq!(
        (attempted.answer.len(), attempted.extent),
        (length.min(ANSWER_BYTES), extent)
    );
}

#[rstest]
#[case::longer_than_it_is(
    "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
    "short",
    Extent::Truncated
)]
#[case::shorter_than_it_is(
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 ?\r\n\r\n",
    "ok",
    Extent::Whole
)]
#[case::bad_chunk(
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n",
    "ok",
    Extent::Truncated
)]
#[case::chunk_of_all_memory(
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffff0\r\nok",
    "ok",
    Extent::Truncated
)]
#[tokio::test]
async fn a_body_that_lies_changes_nothing(
    #[case] answer: &'static str,
    #[case] kept: &'static str,
    #[case] extent: Extent,
) {
    let attempted = post_to(&saying(answer).await, AMPLE).await;
    assert_eq!(status(&attempted), Some(200), "{attempted:?}");
    assert_eq!(
        (attempted.answer.as_ref(), attempted.extent),
        (kept.as_bytes(), extent)
    );
}

/// The length is ignored (RFC 9112, section 6.3). What it would make a part of the body is not
/// taken for the next answer: the connection ends.
#[tokio::test]
async fn a_length_beside_chunks_smuggles_nothing() {
    let receiver = Receiver::start(async |mut stream| {
        while read_request(&mut stream).await.is_ok() {
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 44\r\ntransfer-encoding: chunked\r\n\r\n\
                2\r\nok\r\n0\r\n\r\nHTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";
            let _cut_short = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    let egress = egress(loopback());
    for _ in 0..3 {
        let attempted = post(&egress, &receiver.url(), AMPLE).await;
        assert_eq!(status(&attempted), Some(200), "{attempted:?}");
        assert_eq!(attempted.answer.as_ref(), b"ok");
    }
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn a_reset_in_the_body_changes_nothing() {
    let receiver = Receiver::start(async |mut stream| {
        read_request(&mut stream).await.unwrap();
        let head = b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n";
        stream.write_all(head).await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    let attempted = post_to(&receiver, AMPLE).await;
    assert_eq!(status(&attempted), Some(201), "{attempted:?}");
    assert_eq!(attempted.extent, Extent::Truncated);
    assert!(attempted.answer.is_empty());
}

#[rstest]
#[case("gzip")]
#[case("br")]
#[case("zstd")]
#[tokio::test]
async fn nothing_is_decoded(#[case] coding: &str) {
    // "ok" by gzip: one decoder would shorten it, the others would fail at it.
    let body =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\xcf\x06\x00G\xdd\xdcy\x02\x00\x00\x00";
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = [head.as_bytes(), body].concat();
    let attempted = post_to(&saying(answer).await, AMPLE).await;
    assert_eq!(status(&attempted), Some(200));
    assert_eq!(attempted.answer.as_ref(), body);
    assert_eq!(attempted.extent, Extent::Whole);
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off_at_the_deadline() {
    let receiver = Receiver::start(async |mut stream| {
        read_request(&mut stream).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let mut drips = tokio::time::interval(SHORT / 10);
        loop {
            drips.tick().await;
            if stream.write_all(b"a").await.is_err() {
                return;
            }
        }
    })
    .await;
    let attempted = post_to(&receiver, SHORT).await;
    assert_eq!(status(&attempted), Some(200), "{attempted:?}");
    assert_eq!(attempted.extent, Extent::Truncated);
    assert!((1..1000).contains(&attempted.answer.len()));
    assert!((SHORT..SHORT + SLACK).contains(&attempted.duration));
}

#[rstest]
#[case::length("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok", "ok")]
#[case::chunks(
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
    "ok"
)]
#[case::until_the_end("HTTP/1.1 200 OK\r\n\r\n", "")]
#[tokio::test]
async fn a_body_that_hangs_is_cut_off_at_the_deadline(
    #[case] answer: &'static str,
    #[case] kept: &'static str,
) {
    let receiver = Receiver::start(async move |mut stream| {
        read_request(&mut stream).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        until_closed(&mut stream).await;
    })
    .await;
    let attempted = post_to(&receiver, SHORT).await;
    assert_eq!(status(&attempted), Some(200), "{attempted:?}");
    assert_eq!(
        (attempted.answer.as_ref(), attempted.extent),
        (kept.as_bytes(), Extent::Truncated)
    );
    assert!((SHORT..SHORT + SLACK).contains(&attempted.duration));
}

#[tokio::test]
async fn a_connection_with_an_unread_rest_is_not_used_again() {
    let receiver = Receiver::start(async |mut stream| {
        while read_request(&mut stream).await.is_ok() {
            let body = "a".repeat(ANSWER_BYTES * 4);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _cut_short = stream.write_all((head + &body).as_bytes()).await;
        }
        until_closed(&mut stream).await;
    })
    .await;
    let egress = egress(loopback());
    for _ in 0..2 {
        let attempted = post(&egress, &receiver.url(), AMPLE).await;
        assert_eq!(
            (status(&attempted), attempted.extent),
            (Some(200), Extent::Truncated)
        );
    }
    assert_eq!(receiver.connections(), 2);
}
