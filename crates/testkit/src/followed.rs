//! An answer that goes on, such as a stream of events.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::fetch::{failed, reach};

/// How long anything that is waited for may take to come.
const LIMIT: Duration = Duration::from_secs(30);

/// An answer whose body is read as it comes. Dropping it closes its connection.
#[derive(Debug)]
pub struct Followed {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    read: String,
    _connection: AbortOnDropHandle<()>,
}

impl Followed {
    /// Sends a request to an absolute `http` URI, and gives its answer once the head has come.
    ///
    /// # Errors
    /// When the connection can't be made or breaks, or after 30 s.
    pub async fn open(request: Request<Full<Bytes>>) -> Result<Self, std::io::Error> {
        timeout(LIMIT, Self::begin(request)).await?
    }

    async fn begin(request: Request<Full<Bytes>>) -> Result<Self, std::io::Error> {
        let (stream, request) = reach(request).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        let connection = tokio::spawn(async move {
            // Its end shows in the body.
            let _ended = connection.await;
        });
        let connection = AbortOnDropHandle::new(connection);
        let (head, body) = sender
            .send_request(request)
            .await
            .map_err(failed)?
            .into_parts();
        Ok(Self {
            status: head.status,
            headers: head.headers,
            body,
            read: String::new(),
            _connection: connection,
        })
    }

    /// Reads until all that has come contains `text`; gives all that has come.
    ///
    /// # Panics
    /// When it ends before, or after 30 s.
    pub async fn until(&mut self, text: &str) -> &str {
        let reading = async { while !self.read.contains(text) && self.more().await {} };
        timeout(LIMIT, reading).await.ok();
        assert!(self.read.contains(text), "no {text} in {}", self.read);
        &self.read
    }

    /// Reads to the end; gives all that has come.
    ///
    /// # Panics
    /// When it does not end within 30 s.
    pub async fn to_end(&mut self) -> &str {
        let reading = async { while self.more().await {} };
        let ended = timeout(LIMIT, reading).await;
        assert!(ended.is_ok(), "it goes on after {}", self.read);
        &self.read
    }

    async fn more(&mut self) -> bool {
        let Some(Ok(frame)) = self.body.frame().await else {
            return false;
        };
        if let Some(bytes) = frame.data_ref() {
            self.read.push_str(&String::from_utf8_lossy(bytes));
        }
        true
    }
}
