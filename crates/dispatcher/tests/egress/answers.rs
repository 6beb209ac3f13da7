//! What is made of the head of an answer.

use std::time::{Duration, SystemTime};

use domain::outcome::{Failure, Observed};
use domain::report::Extent;
use rstest::rstest;

use crate::support::{AMPLE, SLACK, canary, failure, post_to, saying, status};

#[rstest]
#[case("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200)]
#[case("HTTP/1.0 204 No Content\r\n\r\n", 204)]
#[case("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", 200)]
#[case(
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
    202
)]
#[case("HTTP/1.1 300 Multiple Choices\r\ncontent-length: 0\r\n\r\n", 300)]
#[case("HTTP/1.1 304 Not Modified\r\n\r\n", 304)]
#[case("HTTP/1.1 404 <script>\r\ncontent-length: 0\r\n\r\n", 404)]
#[case("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", 410)]
#[case("HTTP/1.1 999 ?\r\ncontent-length: 0\r\n\r\n", 999)]
// Both length and chunked: the length is ignored (RFC 9112, section 6.3).
#[case(
    "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    200
)]
#[tokio::test]
async fn the_status_is_kept(#[case] answer: &'static str, #[case] expected: u16) {
    let receiver = saying(answer).await;
    let attempted = post_to(&receiver, AMPLE).await;
    assert_eq!(status(&attempted), Some(expected), "{attempted:?}");
}

#[rstest]
#[case::fin_without_answer("", Failure::ConnectionClosed)]
#[case::fin_in_the_head("HTTP/1.1 200 OK\r\ncontent-", Failure::ConnectionClosed)]
#[case::status_zero("HTTP/1.1 000 ?\r\n\r\n", Failure::ProtocolError)]
#[case::status_of_letters("HTTP/1.1 2OO OK\r\n\r\n", Failure::ProtocolError)]
#[case::status_of_two_digits("HTTP/1.1 20 OK\r\n\r\n", Failure::ProtocolError)]
#[case::status_of_four_digits("HTTP/1.1 2000 OK\r\n\r\n", Failure::ProtocolError)]
#[case::http_0_9("<html>hello</html>\r\n", Failure::ProtocolError)]
#[case::http_7("HTTP/7.0 200 OK\r\n\r\n", Failure::ProtocolError)]
#[case::garbage("\0\x01\x02\x7f\r\n\r\n", Failure::ProtocolError)]
#[case::tls("\x15\x03\x01\x00\x02\x02\x46", Failure::ProtocolError)]
#[case::ssh("SSH-2.0-OpenSSH_9.2\r\n", Failure::ProtocolError)]
#[case::two_lengths(
    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    Failure::ProtocolError
)]
#[case::negative_length(
    "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    Failure::ProtocolError
)]
#[case::ansi_in_the_reason("HTTP/1.1 200 \x1b[31m\r\n\r\n", Failure::ProtocolError)]
#[case::nul_in_a_header("HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n", Failure::ProtocolError)]
#[tokio::test]
async fn what_is_no_answer_is_a_failure(#[case] answer: &'static str, #[case] expected: Failure) {
    let receiver = saying(answer).await;
    let attempted = post_to(&receiver, AMPLE).await;
    assert_eq!(failure(&attempted), Some(expected), "{attempted:?}");
    assert!(attempted.answer.is_empty());
}

#[tokio::test]
async fn switching_protocols_is_no_success() {
    let receiver = saying("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n").await;
    let attempted = post_to(&receiver, AMPLE).await;
    assert_eq!(status(&attempted), Some(101), "{attempted:?}");
}

#[rstest]
#[case::many("a: b\r\n".repeat(10_000))]
#[case::long(format!("a: {}\r\n", "b".repeat(10 * 1024 * 1024)))]
#[tokio::test]
async fn heads_are_bounded(#[case] headers: String) {
    let receiver = saying(format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).await;
    let attempted = post_to(&receiver, AMPLE).await;
    assert_eq!(
        failure(&attempted),
        Some(Failure::ProtocolError),
        "{attempted:?}"
    );
}

#[rstest]
#[case(301)]
#[case(302)]
#[case(303)]
#[case(307)]
#[case(308)]
#[tokio::test]
async fn redirects_are_not_followed(#[case] code: u16) {
    let canary = canary().await;
    let location = canary.url();
    let answer = format!("HTTP/1.1 {code} ?\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let receiver = saying(answer).await;

    let attempted = post_to(&receiver, AMPLE).await;

    assert_eq!(status(&attempted), Some(code));
    assert_eq!((receiver.connections(), canary.connections()), (1, 0));
}

#[rstest]
#[case("120", Some(120))]
#[case("0", Some(0))]
#[case("Sun, 06 Nov 1994 08:49:37 GMT", Some(0))]
#[case("Sunday, 06-Nov-94 08:49:37 GMT", Some(0))]
#[case("Sun Nov  6 08:49:37 1994", Some(0))]
#[case("99999999999999999999999999", Some(u64::MAX))]
#[case("-1", None)]
#[case("1.5", None)]
#[case("soon", None)]
#[case("", None)]
#[tokio::test]
async fn retry_after_is_read(#[case] value: &str, #[case] seconds: Option<u64>) {
    let answer = format!("HTTP/1.1 503 ?\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n");
    let attempted = post_to(&saying(answer).await, AMPLE).await;
    let expected = Observed::Answered {
        status: 503,
        retry_after: seconds.map(Duration::from_secs),
    };
    assert_eq!(attempted.observed, expected);
}

#[tokio::test]
async fn retry_after_a_date_to_come_is_counted_from_now() {
    let answer =
        "HTTP/1.1 503 ?\r\nretry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\ncontent-length: 0\r\n\r\n";
    let attempted = post_to(&saying(answer).await, AMPLE).await;
    let Observed::Answered {
        retry_after: Some(asked),
        ..
    } = attempted.observed
    else {
        panic!("{attempted:?}");
    };
    let year_9999 = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let left = year_9999.duration_since(SystemTime::now()).unwrap();
    assert!((left..left + SLACK).contains(&asked), "{asked:?}");
}

#[tokio::test]
async fn what_is_no_text_is_kept_as_it_came() {
    let body = b"\xff\xfe\0\x1b[2J\r\n<script>";
    let mut answer = b"HTTP/1.1 400 ?\r\nx: \xff\r\ncontent-length: 17\r\n\r\n".to_vec();
    answer.extend_from_slice(body);
    let attempted = post_to(&saying(answer).await, AMPLE).await;
    assert_eq!(status(&attempted), Some(400));
    assert_eq!(
        (attempted.answer.as_ref(), attempted.extent),
        (&body[..], Extent::Whole)
    );
}
