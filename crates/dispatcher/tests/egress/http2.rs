//! Receivers that speak HTTP/2, and what they can do with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use domain::limits::ANSWER_BYTES;
use domain::outcome::Failure;
use domain::report::Extent;
use h2::Reason;
use h2::server::{self, SendResponse};
use http::{HeaderName, HeaderValue, Response};
use testkit::authority::{Authority, named};
use testkit::raw::Receiver;

use crate::support::{AMPLE, SHORT, SLACK, failure, post, status};
use crate::tls::trusting;

/// How a receiver treats each request.
#[derive(Debug, Clone, Copy)]
enum Treat {
    Answer,
    AnswerWithoutEnd,
    Reset(Reason),
    GoAway(Reason),
    TakeNoBody,
    /// So many headers of 1 KiB each.
    Headers(usize),
}

struct Http2 {
    receiver: Receiver,
    requests: Arc<AtomicUsize>,
    authority: Authority,
}

impl Http2 {
    async fn start(treat: Treat) -> Self {
        let authority = Authority::new();
        let tls = authority.certify(&named(&["127.0.0.1"]), &["h2"]);
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let receiver = Receiver::start(move |stream| {
            let (tls, count) = (tls.clone(), Arc::clone(&count));
            async move {
                let mut builder = server::Builder::new();
                if matches!(treat, Treat::TakeNoBody) {
                    builder.initial_window_size(0);
                }
                let stream = tls.accept(stream).await.unwrap();
                let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
                while let Some(Ok((_request, respond))) = connection.accept().await {
                    count.fetch_add(1, Ordering::Relaxed);
                    match treat {
                        Treat::GoAway(reason) => connection.abrupt_shutdown(reason),
                        treat => drop(tokio::spawn(answer(treat, respond))),
                    }
                }
            }
        })
        .await;
        Self {
            receiver,
            requests,
            authority,
        }
    }

    fn url(&self) -> String {
        format!("https://{}/", self.receiver.address())
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn answer(treat: Treat, mut respond: SendResponse<Bytes>) {
    match treat {
        Treat::Answer => {
            respond.send_response(Response::new(()), true).unwrap();
        }
        Treat::AnswerWithoutEnd => {
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            let chunk = Bytes::from(vec![b'a'; 4096]);
            loop {
                body.reserve_capacity(chunk.len());
                let room = std::future::poll_fn(|context| body.poll_capacity(context)).await;
                let Some(Ok(room)) = room else { return };
                let sent = body.send_data(chunk.slice(..room.min(chunk.len())), false);
                if sent.is_err() {
                    return;
                }
            }
        }
        Treat::Headers(count) => {
            let mut head = Response::new(());
            for n in 0..count {
                let name = HeaderName::try_from(format!("x-{n}")).unwrap();
                let value = HeaderValue::try_from("b".repeat(1024)).unwrap();
                head.headers_mut().insert(name, value);
            }
            // Cut short when we have enough of it.
            let _cut_short = respond.send_response(head, true);
        }
        Treat::Reset(reason) => respond.send_reset(reason),
        Treat::GoAway(_) => unreachable!("the connection does that"),
        Treat::TakeNoBody => std::future::pending().await,
    }
}

#[tokio::test]
async fn requests_share_a_connection() {
    let http2 = Http2::start(Treat::Answer).await;
    let egress = trusting(&http2.authority);
    let (first, url) = (post(&egress, &http2.url(), AMPLE).await, http2.url());
    assert_eq!(status(&first), Some(200), "{first:?}");
    let (second, third) = tokio::join!(post(&egress, &url, AMPLE), post(&egress, &url, AMPLE));
    assert_eq!((status(&second), status(&third)), (Some(200), Some(200)));
    assert_eq!((http2.requests(), http2.receiver.connections()), (3, 1));
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let http2 = Http2::start(Treat::AnswerWithoutEnd).await;
    let attempted = post(&trusting(&http2.authority), &http2.url(), AMPLE).await;
    assert_eq!(status(&attempted), Some(200));
    assert_eq!(
        (attempted.answer.len(), attempted.extent),
        (ANSWER_BYTES, Extent::Truncated)
    );
}

#[tokio::test]
async fn heads_are_bounded() {
    for (headers, expected) in [
        (10, None),
        (100, Some(Failure::ProtocolError)),
        (10_000, Some(Failure::ProtocolError)),
    ] {
        let http2 = Http2::start(Treat::Headers(headers)).await;
        let attempted = post(&trusting(&http2.authority), &http2.url(), AMPLE).await;
        assert_eq!(failure(&attempted), expected, "{headers}: {attempted:?}");
        assert!(attempted.duration < SLACK, "{:?}", attempted.duration);
        assert_eq!(http2.requests(), 1, "{headers}");
    }
}

#[tokio::test]
async fn what_is_reset_or_refused_is_not_sent_again() {
    for treat in [
        Treat::Reset(Reason::REFUSED_STREAM),
        Treat::Reset(Reason::INTERNAL_ERROR),
        Treat::GoAway(Reason::ENHANCE_YOUR_CALM),
        Treat::GoAway(Reason::NO_ERROR),
    ] {
        let http2 = Http2::start(treat).await;
        let attempted = post(&trusting(&http2.authority), &http2.url(), AMPLE).await;
        assert_eq!(
            failure(&attempted),
            Some(Failure::ConnectionClosed),
            "{treat:?}"
        );
        assert_eq!(http2.requests(), 1, "{treat:?}");
    }
}

#[tokio::test]
async fn a_window_that_never_opens_is_not_waited_for_beyond_the_deadline() {
    let http2 = Http2::start(Treat::TakeNoBody).await;
    let attempted = post(&trusting(&http2.authority), &http2.url(), SHORT * 4).await;
    assert_eq!(failure(&attempted), Some(Failure::ResponseTimeout));
    assert!(attempted.duration < SHORT * 4 + SLACK);
}
