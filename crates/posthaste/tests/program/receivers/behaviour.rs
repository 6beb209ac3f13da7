//! What receivers do to whoever connects to them, and what is to come of it.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testkit::authority::{named, self_signed};
use testkit::raw::{Receiver, read_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is kept of an answer, in bytes.
const KEPT: usize = 16 * 1024;

/// What must not be kept anywhere.
pub(crate) const COOKIE: &str = "c00kie-canary";

/// What must not run anywhere.
pub(crate) const SCRIPT: &str = "<script>window.ran = 1</script>";

/// Bytes that are no text, and that terminals and databases choke on.
const NO_TEXT: &[u8] = b"\xff\xfe\0\x1b[2J\x1b]0;owned\x07\r\n<b>";

/// A receiver and what is expected of an attempt at it.
pub(crate) struct Behaviour {
    pub(crate) name: &'static str,
    pub(crate) expected: Expected,
    pub(crate) scheme: &'static str,
    pub(crate) receiver: Receiver,
}

/// An attempt as the API shows it.
pub(crate) struct Expected {
    pub(crate) outcome: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) answer: Value,
    pub(crate) is_truncated: bool,
}

impl Expected {
    /// No answer.
    fn failure(outcome: &'static str) -> Self {
        Self {
            outcome,
            status: None,
            answer: json!({"text": ""}),
            is_truncated: false,
        }
    }

    /// An answer with this status and this text, which is all there is.
    fn answered(status: u16, text: &str) -> Self {
        let outcome = match status {
            200..300 => "delivered",
            _ => "http_error",
        };
        Self {
            outcome,
            status: Some(status),
            answer: json!({"text": text}),
            is_truncated: false,
        }
    }

    fn truncated(self) -> Self {
        Self {
            is_truncated: true,
            ..self
        }
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        Self {
            answer: json!({"base64": BASE64_STANDARD.encode(bytes)}),
            ..self
        }
    }
}

/// Everybody that is tested; redirects lead to `canary`.
pub(crate) async fn all(canary: &Receiver) -> Vec<Behaviour> {
    let mut all = slow().await;
    all.extend(broken().await);
    all.extend(Box::pin(endless()).await);
    all.extend(strange().await);
    all.extend(redirecting(canary).await);
    all.extend(over_tls().await);
    all
}

/// Counts connections, and answers none.
pub(crate) async fn canary() -> Receiver {
    Receiver::start(until_closed).await
}

/// Those that keep everybody waiting.
async fn slow() -> Vec<Behaviour> {
    let too_late = || Expected::failure("response_timeout");
    vec![
        http("silent", too_late(), canary().await),
        http("a byte at a time", too_late(), {
            repeating("HTTP/1.1 200 OK\r\na: ", "b", Duration::from_millis(100)).await
        }),
        http("flood of early hints", too_late(), {
            repeating("", "HTTP/1.1 103 Early Hints\r\n\r\n", Duration::ZERO).await
        }),
        http(
            "hanging in the body",
            Expected::answered(200, "").truncated(),
            {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n";
                repeating(head, "", Duration::from_millis(100)).await
            },
        ),
    ]
}

/// Those that break off, or are at odds with HTTP.
async fn broken() -> Vec<Behaviour> {
    let closed = || Expected::failure("connection_closed");
    let no_http = || Expected::failure("protocol_error");
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let long_header = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(10 << 20));
    let two_lengths = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab";
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort";
    let both = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n";
    vec![
        http("reset", closed(), resetting("").await),
        http("closed", closed(), saying("").await),
        http(
            "reset in the head",
            closed(),
            resetting("HTTP/1.1 200 OK\r\n").await,
        ),
        http(
            "reset in the body",
            Expected::answered(200, "").truncated(),
            resetting("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await,
        ),
        http(
            "shorter than it says",
            Expected::answered(200, "short").truncated(),
            saying(short).await,
        ),
        http("two lengths", no_http(), saying(two_lengths).await),
        http("length and chunks", Expected::answered(200, "ok"), {
            saying(format!("{both}2\r\nok\r\n0\r\n\r\n")).await
        }),
        http("many headers", no_http(), saying(many_headers).await),
        http("a long header", no_http(), saying(long_header).await),
        http(
            "no status",
            no_http(),
            saying("HTTP/1.1 2OO OK\r\n\r\n").await,
        ),
        http(
            "status 000",
            no_http(),
            saying("HTTP/1.1 000 ?\r\n\r\n").await,
        ),
        http(
            "HTTP/0.9",
            no_http(),
            saying("<html>hello</html>\r\n").await,
        ),
        http("TLS", no_http(), saying("\x15\x03\x01\0\x02\x02\x46").await),
    ]
}

/// Those that never end.
async fn endless() -> Vec<Behaviour> {
    let cut = |kept: &[u8]| Expected {
        answer: json!({"text": String::from_utf8_lossy(kept)}),
        ..Expected::answered(200, "").truncated()
    };
    let letters = [b'a'; KEPT];
    let bomb: Vec<u8> = BOMB
        .0
        .iter()
        .chain(BOMB.1.iter().cycle())
        .copied()
        .take(KEPT)
        .collect();
    let encoded = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n";
    let extension = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;a=";
    vec![
        http("endless", cut(&letters), {
            repeating("HTTP/1.1 200 OK\r\n\r\n", "a".repeat(4096), Duration::ZERO).await
        }),
        http("ten gigabytes", cut(&letters), {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n";
            repeating(head, "a".repeat(4096), Duration::ZERO).await
        }),
        http("endless gzip", cut(b"").bytes(&bomb), {
            repeating(
                [encoded, BOMB.0].concat(),
                BOMB.1.repeat(300),
                Duration::ZERO,
            )
            .await
        }),
        http("endless chunk extension", cut(b""), {
            repeating(extension, "b".repeat(4096), Duration::ZERO).await
        }),
    ]
}

/// gzip of zeros without end: what begins it, and what is repeated.
const BOMB: (&[u8], &[u8]) = (
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x62\x18",
    b"\x05\xa3\x60\x14\x8c\x82\x51\x30\x0a\x46\xc1\x28\x18",
);

/// Those whose answers are no good, or are meant for somebody else.
async fn strange() -> Vec<Behaviour> {
    let head = |status: u16, length: usize| {
        format!(
            "HTTP/1.1 {status} {SCRIPT}\r\nset-cookie: {COOKIE}=1\r\nx-own: {COOKIE}\r\n\
             content-length: {length}\r\n\r\n"
        )
    };
    let script = format!("</pre>{SCRIPT}<img src=x onerror=\"window.ran = 2\">\x1b[31m\0");
    let no_text = [head(400, NO_TEXT.len()).as_bytes(), NO_TEXT].concat();
    vec![
        http(
            "no text",
            Expected::answered(400, "").bytes(NO_TEXT),
            saying(no_text).await,
        ),
        http("scripts", Expected::answered(500, &script), {
            saying(head(500, script.len()) + &script).await
        }),
        http(
            "cookies",
            Expected::answered(200, "ok"),
            saying(head(200, 2) + "ok").await,
        ),
        http("switching", Expected::answered(101, ""), {
            saying("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n").await
        }),
        http("status 999", Expected::answered(999, ""), {
            saying("HTTP/1.1 999 ?\r\ncontent-length: 0\r\n\r\n").await
        }),
    ]
}

/// Those that send on to somebody else, or to themselves.
async fn redirecting(canary: &Receiver) -> Vec<Behaviour> {
    let mut all = Vec::new();
    for (name, status) in [
        ("300", 300),
        ("301", 301),
        ("302", 302),
        ("303", 303),
        ("304", 304),
        ("307", 307),
        ("308", 308),
    ] {
        let location = canary.url();
        let answer =
            format!("HTTP/1.1 {status} ?\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        all.push(http(
            name,
            Expected::answered(status, ""),
            saying(answer).await,
        ));
    }
    let to_itself = "HTTP/1.1 307 ?\r\nlocation: /webhooks\r\ncontent-length: 0\r\n\r\n";
    all.push(http(
        "a loop",
        Expected::answered(307, ""),
        saying(to_itself).await,
    ));
    all
}

/// Those whom nobody can trust, and those that never say who they are.
async fn over_tls() -> Vec<Behaviour> {
    let tls = self_signed(&named(&["127.0.0.1"]));
    let itself = Receiver::start(move |stream| {
        let tls = tls.clone();
        async move {
            // Nobody who looks at the certificate goes on.
            let _refused = tls.accept(stream).await;
        }
    });
    vec![
        https(
            "vouches for itself",
            "tls_certificate_untrusted",
            itself.await,
        ),
        https("stalls", "tls_timeout", canary().await),
        https(
            "no TLS",
            "tls_failed",
            saying_at_once("HTTP/1.1 400 ?\r\n\r\n").await,
        ),
    ]
}

fn http(name: &'static str, expected: Expected, receiver: Receiver) -> Behaviour {
    Behaviour {
        name,
        expected,
        scheme: "http",
        receiver,
    }
}

fn https(name: &'static str, failure: &'static str, receiver: Receiver) -> Behaviour {
    Behaviour {
        name,
        expected: Expected::failure(failure),
        scheme: "https",
        receiver,
    }
}

/// Reads each request, answers with these bytes, and closes as TCP closes in order.
async fn saying(answer: impl Into<Vec<u8>>) -> Receiver {
    let answer = answer.into();
    Receiver::start(move |mut stream| {
        let answer = answer.clone();
        async move {
            if read_request(&mut stream).await.is_ok() {
                let _cut_short = stream.write_all(&answer).await;
                let _cut_short = stream.shutdown().await;
                until_closed(stream).await;
            }
        }
    })
    .await
}

/// Answers with these bytes whatever is said first, and closes.
async fn saying_at_once(answer: &'static str) -> Receiver {
    Receiver::start(move |mut stream| async move {
        let mut first = [0; 5];
        if stream.read_exact(&mut first).await.is_ok() {
            let _cut_short = stream.write_all(answer.as_bytes()).await;
            let _cut_short = stream.shutdown().await;
            until_closed(stream).await;
        }
    })
    .await
}

/// Reads each request, answers with these bytes, and resets the connection.
async fn resetting(answer: &'static str) -> Receiver {
    Receiver::start(move |mut stream| async move {
        if read_request(&mut stream).await.is_ok() {
            let _cut_short = stream.write_all(answer.as_bytes()).await;
            let _left_open = stream.set_zero_linger();
        }
    })
    .await
}

/// Reads each request, begins the answer, and goes on with the same for as long as it is taken.
async fn repeating(
    start: impl Into<Vec<u8>>,
    more: impl Into<Vec<u8>>,
    every: Duration,
) -> Receiver {
    let (start, more) = (start.into(), more.into());
    Receiver::start(move |mut stream| {
        let (start, more) = (start.clone(), more.clone());
        async move {
            if read_request(&mut stream).await.is_err() {
                return;
            }
            let mut written = stream.write_all(&start).await;
            while written.is_ok() {
                tokio::time::sleep(every).await;
                written = stream.write_all(&more).await;
            }
        }
    })
    .await
}

/// Waits until the other side is gone.
async fn until_closed(mut stream: TcpStream) {
    let mut rest = [0; 4096];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}
