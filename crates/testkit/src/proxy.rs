//! A TCP proxy that spoils the network between a client and a server.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

const BUFFER_BYTES: usize = 16 * 1024;
const BACKLOG: u32 = 128;

/// A proxy on a port of its own, that is open and fast until told otherwise. Dropping it closes
/// the port and every connection.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    orders: mpsc::Sender<(Order, oneshot::Sender<usize>)>,
    flow: watch::Sender<Flow>,
    _server: AbortOnDropHandle<()>,
    /// Bound and never listening, so that nobody else gets the port while connections are refused.
    _placeholder: TcpSocket,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Cut,
    Refuse,
    Accept,
}

/// What happens to each chunk of bytes.
#[derive(Debug, Clone, Copy)]
enum Flow {
    Delayed(Duration),
    Stalled,
}

impl Proxy {
    /// A proxy to the server at `to`.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn to(to: SocketAddr) -> Self {
        let placeholder = bind("127.0.0.1:0".parse().expect("it is an address"));
        let placeholder = placeholder.expect("loopback has free ports");
        let address = placeholder
            .local_addr()
            .expect("a bound socket has an address");
        let (orders, inbox) = mpsc::channel(1);
        let flow = watch::Sender::new(Flow::Delayed(Duration::ZERO));
        let listener = listen(address).expect("the port is ours");
        let server = Acceptor {
            address,
            to,
            flow: flow.clone(),
            connections: JoinSet::new(),
        };
        let server = AbortOnDropHandle::new(tokio::spawn(server.run(listener, inbox)));
        Self {
            address,
            orders,
            flow,
            _server: server,
            _placeholder: placeholder,
        }
    }

    /// A proxy to the server of this URL.
    ///
    /// # Panics
    /// When it is no URL with a host that is known and a port, or loopback has no free port.
    pub async fn before(url: &str) -> Self {
        let url = url::Url::parse(url).expect("a URL");
        let addresses = url.socket_addrs(|| None).expect("a known host and a port");
        Self::to(addresses[0]).await
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL with this proxy as its host and port.
    ///
    /// # Panics
    /// When it is no URL with a host.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).expect("a URL");
        url.set_ip_host(self.address.ip())
            .and_then(|()| url.set_port(Some(self.address.port())))
            .expect("a URL with a host");
        url.to_string()
    }

    /// Resets every connection, on both sides; returns how many there were, when they are gone.
    pub async fn cut(&self) -> usize {
        self.order(Order::Cut).await
    }

    /// Refuses new connections from now on. Those that are open go on.
    pub async fn refuse(&self) {
        self.order(Order::Refuse).await;
    }

    /// Accepts connections again.
    pub async fn accept(&self) {
        self.order(Order::Accept).await;
    }

    /// Holds all bytes back, both ways, from the next chunk on: connections stay open and silent.
    pub fn stall(&self) {
        self.flow.send_replace(Flow::Stalled);
    }

    /// Lets the bytes flow again, without delay; none were lost.
    pub fn resume(&self) {
        self.delay(Duration::ZERO);
    }

    /// Delays each chunk of up to 16 KiB this long, each way.
    pub fn delay(&self, latency: Duration) {
        self.flow.send_replace(Flow::Delayed(latency));
    }

    /// Returns when the order is carried out.
    async fn order(&self, order: Order) -> usize {
        let (done, wait) = oneshot::channel();
        self.orders
            .send((order, done))
            .await
            .expect("the proxy runs until it is dropped");
        wait.await.expect("the proxy runs until it is dropped")
    }
}

struct Acceptor {
    address: SocketAddr,
    to: SocketAddr,
    flow: watch::Sender<Flow>,
    connections: JoinSet<()>,
}

impl Acceptor {
    async fn run(
        mut self,
        listener: TcpListener,
        mut orders: mpsc::Receiver<(Order, oneshot::Sender<usize>)>,
    ) {
        let mut listener = Some(listener);
        loop {
            let accepted = async {
                match &listener {
                    Some(listener) => listener.accept().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Ok((client, _)) = accepted => {
                    let (to, flow) = (self.to, self.flow.subscribe());
                    self.connections.spawn(async move {
                        // An end that breaks off ends the connection: that is all there is to do.
                        let _closed = forward(client, to, flow).await;
                    });
                }
                Some((order, done)) = orders.recv() => {
                    let mut cut = 0;
                    match order {
                        Order::Cut => cut = self.cut().await,
                        Order::Refuse => listener = None,
                        Order::Accept if listener.is_none() => listener = listen(self.address).ok(),
                        Order::Accept => {}
                    }
                    // Whoever ordered may have stopped waiting.
                    let _nobody_waits = done.send(cut);
                }
                Some(_ended) = self.connections.join_next() => {}
                else => return,
            }
        }
    }

    /// Dropping a task drops its streams, and those reset instead of closing.
    async fn cut(&mut self) -> usize {
        while self.connections.try_join_next().is_some() {}
        let open = self.connections.len();
        self.connections.shutdown().await;
        open
    }
}

async fn forward(
    mut client: TcpStream,
    to: SocketAddr,
    flow: watch::Receiver<Flow>,
) -> io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        stream.set_zero_linger()?;
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::try_join!(
        copy(from_client, to_server, flow.clone()),
        copy(from_server, to_client, flow),
    )?;
    Ok(())
}

async fn copy(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut flow: watch::Receiver<Flow>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = from.read(&mut buffer).await?;
        let flows = flow.wait_for(|flow| matches!(flow, Flow::Delayed(_))).await;
        if let Ok(Flow::Delayed(latency)) = flows.map(|flow| *flow) {
            sleep(latency).await;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}

/// Linux lets sockets share an address as long as none of them but one listens.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    bind(address)?.listen(BACKLOG)
}
