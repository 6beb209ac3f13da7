//! Bounds are where the limits say: the last that is taken, the first that is not.

use domain::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{PATIENCE, Rig, event, event_with};

/// An event of so many bytes in all.
pub(crate) fn of_size(bytes: usize) -> String {
    event(&format!("\"{}\"", "x".repeat(bytes - event("\"\"").len())))
}

impl Rig {
    /// Posts a body in chunks, of which the length is known to nobody before.
    async fn status_of_chunks(&self, body: &str) -> u16 {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut request = self.head("transfer-encoding: chunked").into_bytes();
        for chunk in body.as_bytes().chunks(60_000) {
            request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            request.extend_from_slice(chunk);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"0\r\n\r\n");
        stream.write_all(&request).await.unwrap();
        status(stream).await
    }
}

/// The status of the answer to a request that stands in these bytes as far as it goes.
pub(crate) async fn status_of(rig: &Rig, request: &str) -> u16 {
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    status(stream).await
}

async fn status(mut stream: TcpStream) -> u16 {
    let mut line = [0; 12];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut line)).await;
    read.expect("an answer in time").unwrap();
    let line = std::str::from_utf8(&line).unwrap();
    line.strip_prefix("HTTP/1.1 ").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_be_so_large() {
    let rig = Rig::start().await;
    let (most, more) = (
        of_size(limits::EVENT_BODY_BYTES),
        of_size(limits::EVENT_BODY_BYTES + 1),
    );
    assert_eq!(rig.publish(most.clone()).await.status, 202);
    assert_eq!(rig.publish(more.clone()).await.status, 413);
    assert_eq!(rig.status_of_chunks(&most).await, 202);
    assert_eq!(rig.status_of_chunks(&more).await, 413);
    for stored in rig.events(2).await {
        assert!(most.contains(std::str::from_utf8(&stored.data).unwrap()));
    }
    rig.stop().await;
}

/// What says itself that it is too large isn't waited for, and no memory is taken for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_length_may_be_so_large() {
    let rig = Rig::start().await;
    for length in [
        limits::EVENT_BODY_BYTES as u64 + 1,
        10_000_000_000,
        u64::MAX - 2,
    ] {
        let head = rig.head(&format!("content-length: {length}"));
        assert_eq!(status_of(&rig, &head).await, 413, "{length}");
    }
    for length in [
        "-1",
        "1e3",
        "18446744073709551616",
        "1\r\ncontent-length: 2",
    ] {
        let head = rig.head(&format!("content-length: {length}"));
        assert_eq!(status_of(&rig, &head).await, 400, "{length}");
    }
    rig.accepted_id(&[], event("1")).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_no_event() {
    let rig = Rig::start().await;
    let body = event("1");
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let head = rig.head(&format!("content-length: {}", body.len() + 1));
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("an end in time").unwrap();
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    let id = rig.accepted_id(&[], event("2")).await;
    assert_eq!(rig.event().await.id.to_string(), id, "no other came before");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_may_be_so_long() {
    let rig = Rig::start().await;
    let nested = |depth| event(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    let of_type = |length| {
        let name = "a".repeat(length);
        format!(r#"{{"tenant":"acme","event":"{name}","data":1}}"#)
    };
    let of_id = |bytes| event_with(&format!(r#""id":"{}""#, "x".repeat(bytes)));
    let of_channels = |count| event_with(&format!(r#""channels":{:?}"#, vec!["c"; count]));
    let of_channel = |length| event_with(&format!(r#""channels":["{}"]"#, "c".repeat(length)));
    for (of, most) in [
        (&nested as &dyn Fn(usize) -> String, limits::NESTING),
        (&of_type, limits::EVENT_TYPE_LENGTH),
        (&of_id, limits::IDEMPOTENCY_KEY_BYTES),
        (&of_channels, limits::CHANNELS),
        (&of_channel, limits::CHANNEL_LENGTH),
    ] {
        let (good, bad) = (of(most), of(most + 1));
        assert_eq!(rig.publish(good.clone()).await.status, 202, "{good}");
        assert_eq!(rig.publish(bad.clone()).await.status, 400, "{bad}");
    }
    assert_eq!(rig.publish(nested(100_000)).await.status, 400);
    rig.stop().await;
}
