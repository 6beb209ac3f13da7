//! A TCP receiver that plays whatever bytes a test wants to send: for answers that no HTTP server
//! would give.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// The longest request head that [`read_request`] takes, in bytes.
const LONGEST_HEAD_BYTES: usize = 64 * 1024;

/// A listener that hands every connection to a function. Dropping it closes the port and every
/// connection.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    _server: AbortOnDropHandle<()>,
}

impl Receiver {
    /// Plays `play` on each connection; the connection is closed when it returns.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start<F>(play: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has free ports");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let server = async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    stream = listener.accept() => {
                        // A client that gave up in the queue.
                        let Ok((stream, _client)) = stream else { continue };
                        count.fetch_add(1, Ordering::Relaxed);
                        connections.spawn(play(stream));
                    }
                    Some(_ended) = connections.join_next() => {}
                }
            }
        };
        Self {
            address,
            accepted,
            _server: AbortOnDropHandle::new(tokio::spawn(server)),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:…/webhooks`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/webhooks", self.address)
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// Reads an HTTP/1.1 request with a `content-length` (or none) to its end; returns its bytes.
///
/// # Errors
/// When the connection breaks or ends early, or the head is longer than 64 KiB.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let head = loop {
        request.push(stream.read_u8().await?);
        if request.ends_with(b"\r\n\r\n") {
            break request.len();
        }
        if request.len() > LONGEST_HEAD_BYTES {
            return Err(std::io::Error::other("the head is too long"));
        }
    };
    let length = String::from_utf8_lossy(&request)
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    request.resize(head + length, 0);
    stream.read_exact(&mut request[head..]).await?;
    Ok(request)
}
