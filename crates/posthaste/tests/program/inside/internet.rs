//! Whoever there is on the Internet, and inside: one machine that has every address.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use testkit::raw::read_request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Where it listens, at every address: what deliveries may go to, and what they must never.
const PORTS: [u16; 7] = [22, 80, 443, 3306, 6379, 8080, 8443];

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How often each address was connected to.
type Reached = BTreeMap<SocketAddr, usize>;

/// The machine. Dropping it closes its ports.
pub(crate) struct Internet {
    reached: Arc<Mutex<Reached>>,
    _servers: JoinSet<()>,
}

impl Internet {
    /// Answers 200 to whoever speaks TLS with it, and closes the connection.
    pub(crate) async fn start(tls: &TlsAcceptor) -> Self {
        let reached = Arc::<Mutex<Reached>>::default();
        let mut servers = JoinSet::new();
        for port in PORTS {
            let listener = TcpListener::bind(("::", port)).await.unwrap();
            servers.spawn(serve(listener, Arc::clone(&reached), tls.clone()));
        }
        Self {
            reached,
            _servers: servers,
        }
    }

    /// What was connected to: the address as the client dialled it.
    pub(crate) fn reached(&self) -> Vec<SocketAddr> {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.keys().copied().collect()
    }

    /// How often this address was connected to, at any port.
    pub(crate) fn visits(&self, address: IpAddr) -> usize {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let here = reached.iter().filter(|(at, _)| at.ip() == address);
        here.map(|(_, times)| times).sum()
    }
}

async fn serve(listener: TcpListener, reached: Arc<Mutex<Reached>>, tls: TlsAcceptor) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _client)) = listener.accept().await else {
            continue;
        };
        // With every address its own, what it was dialled by is the socket's own.
        if let Ok(at) = stream.local_addr() {
            let at = SocketAddr::new(at.ip().to_canonical(), at.port());
            let mut reached = reached.lock().unwrap_or_else(PoisonError::into_inner);
            *reached.entry(at).or_default() += 1;
        }
        let tls = tls.clone();
        connections.spawn(async move {
            // A client that breaks off has told that it came.
            let _closed = answer(stream, &tls).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(stream: TcpStream, tls: &TlsAcceptor) -> io::Result<()> {
    let mut stream = tls.accept(stream).await?;
    read_request(&mut stream).await?;
    stream.write_all(OK).await?;
    stream.shutdown().await?;
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
