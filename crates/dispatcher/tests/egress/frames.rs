//! Receivers that send frames of HTTP/2 as no library would.

use domain::outcome::Failure;
use rstest::rstest;
use testkit::authority::{Authority, named};
use testkit::raw::Receiver;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, split};

use crate::support::{AMPLE, SHORT, SLACK, failure, post};
use crate::tls::trusting;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PUSH_PROMISE: u8 = 0x5;
const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
const WINDOW_UPDATE: u8 = 0x8;
const CONTINUATION: u8 = 0x9;

const END_HEADERS: u8 = 0x4;

/// The stream of the one request.
const REQUEST: u32 = 1;

/// `:status: 103`, as HPACK has it without an index.
const EARLY_HINTS: &[u8] = b"\x08\x03103";

/// A frame. Source: RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// A header that is remembered, and called up again and again: few bytes that mean many. Source:
/// RFC 7541, sections 6.1 and 6.2.1.
fn bomb() -> Vec<u8> {
    let value = vec![b'a'; 2_000];
    // A literal with an index: its name of one byte, its value's length of 127 and the rest.
    let literal = [&b"\x40\x01x\x7f\xd1\x0e"[..], &value].concat();
    // Index 62, the first of those that are remembered.
    let again = vec![0xbe; 8_000];
    let block = [&b"\x88"[..], &literal, &again].concat();
    frame(HEADERS, END_HEADERS, REQUEST, &block)
}

/// Speaks TLS, takes the request, and says `first`, then `again` for as long as it is taken.
async fn saying(authority: &Authority, first: Vec<u8>, again: Vec<u8>) -> Receiver {
    let tls = authority.certify(&named(&["127.0.0.1"]), &["h2"]);
    Receiver::start(move |stream| {
        let (tls, first, again) = (tls.clone(), first.clone(), again.clone());
        async move {
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            let (mut from, mut to) = split(stream);
            let reading = tokio::spawn(async move { until_closed(&mut from).await });
            let settings = frame(SETTINGS, 0, 0, b"");
            let mut written = to.write_all(&[settings, first].concat()).await;
            while written.is_ok() && !again.is_empty() {
                written = to.write_all(&again).await;
            }
            // Nobody waits for it any more.
            let _closed = reading.await;
        }
    })
    .await
}

async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = [0; 4096];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

/// Each is a failure for its own reason, in time, and is not sent again.
#[rstest]
#[case::data_on_no_stream(frame(DATA, 0, 0, b"a"), Failure::ProtocolError)]
#[case::headers_on_no_stream(frame(HEADERS, END_HEADERS, 0, b"\x88"), Failure::ProtocolError)]
#[case::frame_that_is_too_long(frame(DATA, 0, REQUEST, &[0; 20_000]), Failure::ProtocolError)]
#[case::settings_of_no_length(frame(SETTINGS, 0, 0, b"abc"), Failure::ProtocolError)]
#[case::window_beyond_all_bounds(
    frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
    Failure::ProtocolError
)]
#[case::push(
    frame(PUSH_PROMISE, END_HEADERS, REQUEST, b"\0\0\0\x02\x82"),
    Failure::ProtocolError
)]
#[case::no_hpack(frame(HEADERS, END_HEADERS, REQUEST, &[0xff; 64]), Failure::ProtocolError)]
#[case::hpack_bomb(bomb(), Failure::ProtocolError)]
#[case::reset(
    frame(RST_STREAM, 0, REQUEST, b"\0\0\0\x02"),
    Failure::ConnectionClosed
)]
#[case::refused(
    frame(RST_STREAM, 0, REQUEST, b"\0\0\0\x07"),
    Failure::ConnectionClosed
)]
#[case::goaway(frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\x0b"), Failure::ConnectionClosed)]
#[case::http_1(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), Failure::ProtocolError)]
#[tokio::test]
async fn what_breaks_the_protocol_is_a_failure(#[case] sent: Vec<u8>, #[case] expected: Failure) {
    let authority = Authority::new();
    let receiver = saying(&authority, sent, Vec::new()).await;
    let url = format!("https://{}/", receiver.address());
    let attempted = post(&trusting(&authority), &url, AMPLE).await;
    assert_eq!(failure(&attempted), Some(expected), "{attempted:?}");
    assert!(attempted.duration < SLACK, "{:?}", attempted.duration);
    assert_eq!(receiver.connections(), 1);
}

/// Each ends with the deadline at the latest.
#[rstest]
#[case::resets(Vec::new(), frame(RST_STREAM, 0, REQUEST, b"\0\0\0\x08"))]
#[case::pings(Vec::new(), frame(PING, 0, 0, b"12345678"))]
#[case::settings(Vec::new(), frame(SETTINGS, 0, 0, b""))]
#[case::empty_data(
    frame(HEADERS, END_HEADERS, REQUEST, EARLY_HINTS),
    frame(DATA, 0, REQUEST, b"")
)]
#[case::early_hints(Vec::new(), frame(HEADERS, END_HEADERS, REQUEST, EARLY_HINTS))]
#[case::head_without_end(
    frame(HEADERS, 0, REQUEST, b"\x88"),
    frame(CONTINUATION, 0, REQUEST, b"\x40\x01a\x01b")
)]
#[case::empty_head_without_end(
    frame(HEADERS, 0, REQUEST, b"\x88"),
    frame(CONTINUATION, 0, REQUEST, b"")
)]
#[case::window_updates(Vec::new(), frame(WINDOW_UPDATE, 0, REQUEST, b"\0\0\0\x01"))]
#[tokio::test]
async fn a_flood_is_no_answer(#[case] first: Vec<u8>, #[case] again: Vec<u8>) {
    let deadline = SHORT * 4;
    let authority = Authority::new();
    let receiver = saying(&authority, first, again.repeat(100)).await;
    let url = format!("https://{}/", receiver.address());
    let attempted = post(&trusting(&authority), &url, deadline).await;
    let seen = failure(&attempted);
    assert!(
        matches!(
            seen,
            Some(Failure::ResponseTimeout | Failure::ProtocolError | Failure::ConnectionClosed)
        ),
        "{attempted:?}"
    );
    assert!(
        attempted.duration < deadline + SLACK,
        "{:?}",
        attempted.duration
    );
    assert_eq!(receiver.connections(), 1);
}
