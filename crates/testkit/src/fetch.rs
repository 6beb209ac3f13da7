//! One HTTP request on a connection of its own: no pool, no redirects, no TLS.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Fetched {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON, with the body.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("no JSON ({error}): {}", String::from_utf8_lossy(&self.body))
        })
    }
}

/// Sends a request to an absolute `http` URI, and reads the answer to its end.
///
/// # Errors
/// When the connection can't be made or breaks, or after 30 s.
pub async fn fetch(request: Request<Full<Bytes>>) -> Result<Fetched, std::io::Error> {
    timeout(LIMIT, exchange(request)).await?
}

/// Connects to where a request goes, and makes it one for that connection.
pub(crate) async fn reach<B>(
    request: Request<B>,
) -> Result<(TcpStream, Request<B>), std::io::Error> {
    let (mut head, body) = request.into_parts();
    let missing = || std::io::Error::other("the URI has no authority");
    let authority = head.uri.authority().ok_or_else(missing)?.clone();
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let host = authority.as_str().parse().map_err(std::io::Error::other)?;
    head.headers.entry(HOST).or_insert(host);
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path.parse::<Uri>().map_err(std::io::Error::other)?;
    Ok((stream, Request::from_parts(head, body)))
}

async fn exchange(request: Request<Full<Bytes>>) -> Result<Fetched, std::io::Error> {
    let (stream, request) = reach(request).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Fetched {
            status: head.status,
            headers: head.headers,
            body,
        })
    };
    // The connection is driven here, not by a task: nothing outlives the call.
    tokio::pin!(answer, connection);
    tokio::select! {
        fetched = &mut answer => fetched.map_err(failed),
        closed = &mut connection => {
            closed.map_err(failed)?;
            answer.await.map_err(failed)
        }
    }
}

pub(crate) fn failed(error: hyper::Error) -> std::io::Error {
    std::io::Error::other(error)
}
