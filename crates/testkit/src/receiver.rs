//! A scripted HTTP receiver: it records what arrives, and answers as its script says.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// The longest body that is read; a longer one closes the connection.
const LONGEST_BODY_BYTES: usize = 64 * 1024 * 1024;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// When its body was complete.
    pub at: Instant,
    /// The method.
    pub method: Method,
    /// The path and query.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
}

/// How to answer one request.
#[derive(Debug, Clone)]
pub struct Respond {
    after: Duration,
    then: Then,
}

#[derive(Debug, Clone)]
enum Then {
    Answer {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    Hang,
    Close,
}

impl Respond {
    /// 200 with an empty body.
    #[must_use]
    pub fn ok() -> Self {
        Self::status(200)
    }

    /// This status with an empty body.
    ///
    /// # Panics
    /// When it is not between 100 and 999.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status has three digits");
        let then = Then::Answer {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        Self {
            after: Duration::ZERO,
            then,
        }
    }

    /// No answer, and an open connection, for as long as the client waits.
    #[must_use]
    pub fn hang() -> Self {
        Self {
            after: Duration::ZERO,
            then: Then::Hang,
        }
    }

    /// No answer, and a closed connection.
    #[must_use]
    pub fn close() -> Self {
        Self {
            after: Duration::ZERO,
            then: Then::Close,
        }
    }

    /// The same, this long after the request arrived.
    #[must_use]
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// The same with a further header.
    ///
    /// # Panics
    /// When there is no answer to carry it, or the value is no header value.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        let Then::Answer { headers, .. } = &mut self.then else {
            panic!("no answer to carry it")
        };
        headers.append(
            name,
            HeaderValue::from_str(value).expect("the value is a header value"),
        );
        self
    }

    /// The same with this body.
    ///
    /// # Panics
    /// When there is no answer to carry it.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        let Then::Answer { body, .. } = &mut self.then else {
            panic!("no answer to carry it")
        };
        *body = bytes.into();
        self
    }
}

/// An HTTP/1.1 server on a port of its own. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    requests: watch::Sender<Vec<Request>>,
    _server: AbortOnDropHandle<()>,
}

type Script = dyn Fn(&Request) -> Respond + Send + Sync;

impl Receiver {
    /// Answers the requests with `script` in the order of their arrival; its last entry repeats.
    ///
    /// # Panics
    /// When the script is empty.
    pub async fn start(script: impl IntoIterator<Item = Respond>) -> Self {
        let sequence = Sequence::new(script);
        Self::with(move |_request| sequence.next("")).await
    }

    /// Plays the script once for each value of a header, `webhook-id` for example: so each message
    /// fails twice and is then taken, in whatever order they come.
    ///
    /// # Panics
    /// When the script is empty.
    pub async fn start_for_each(
        header: &'static str,
        script: impl IntoIterator<Item = Respond>,
    ) -> Self {
        let sequence = Sequence::new(script);
        Self::with(move |request| {
            let value = request
                .headers
                .get(header)
                .and_then(|value| value.to_str().ok());
            sequence.next(value.unwrap_or_default())
        })
        .await
    }

    /// Answers each request as the function says, which must not block.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn with(decide: impl Fn(&Request) -> Respond + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has free ports");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let requests = watch::Sender::new(Vec::new());
        let server = serve(listener, requests.clone(), Arc::new(decide));
        Self {
            address,
            requests,
            _server: AbortOnDropHandle::new(tokio::spawn(server)),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:…/webhooks`; every other path is served as well.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/webhooks", self.address)
    }

    /// What arrived until now, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }

    /// Waits until at least `count` requests have arrived, and returns all that have.
    ///
    /// # Panics
    /// When `limit` is over, with the number of those that came.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> Vec<Request> {
        let mut watching = self.requests.subscribe();
        let arrived = timeout(limit, watching.wait_for(|requests| requests.len() >= count)).await;
        let Ok(arrived) = arrived else {
            panic!(
                "{} of {count} requests within {limit:?}",
                self.requests.borrow().len()
            )
        };
        arrived.expect("we hold the sender").clone()
    }
}

/// Where in a script each of several parties is.
struct Sequence {
    script: Vec<Respond>,
    played: Mutex<HashMap<String, usize>>,
}

impl Sequence {
    fn new(script: impl IntoIterator<Item = Respond>) -> Self {
        let script: Vec<Respond> = script.into_iter().collect();
        assert!(!script.is_empty(), "a script has at least one entry");
        Self {
            script,
            played: Mutex::default(),
        }
    }

    fn next(&self, party: &str) -> Respond {
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let played = played.entry(party.to_owned()).or_default();
        let respond = self.script[(*played).min(self.script.len() - 1)].clone();
        *played += 1;
        respond
    }
}

/// Connections are this task's children: they end with it.
async fn serve(listener: TcpListener, log: watch::Sender<Vec<Request>>, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that gave up in the queue.
                let Ok((stream, _client)) = accepted else { continue };
                let (log, script) = (log.clone(), Arc::clone(&script));
                let service = service_fn(move |request| answer(request, log.clone(), Arc::clone(&script)));
                let connection = http1::Builder::new()
                    .half_close(true)
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    // The client's breaking off is the client's business, and ours is scripted.
                    let _closed = connection.await;
                });
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// An error makes hyper close the connection without an answer.
async fn answer(
    request: http::Request<Incoming>,
    log: watch::Sender<Vec<Request>>,
    script: Arc<Script>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY_BYTES).collect().await;
    let body = body.map_err(std::io::Error::other)?.to_bytes();
    let request = Request {
        at: Instant::now(),
        method: head.method,
        uri: head.uri,
        headers: head.headers,
        body,
    };
    let respond = script(&request);
    log.send_modify(|requests| requests.push(request));
    sleep(respond.after).await;
    match respond.then {
        Then::Answer {
            status,
            headers,
            body,
        } => {
            let mut response = Response::new(Full::new(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(response)
        }
        Then::Hang => std::future::pending().await,
        Then::Close => Err(std::io::Error::other("closed, as the script says")),
    }
}
