//! A network of a test's own, in which every address there is leads to the test.
//!
//! The test asks for one of its binary's ignored tests to be run in a network namespace, whose one
//! device takes all of IPv4 and IPv6 for addresses of its own: whoever connects to anything finds
//! what the ignored test listens with, and nobody else. Its name server is at 127.0.0.1. The test's
//! database and virtual host are reached through Unix sockets, which know no network namespaces.
//!
//! This takes root, or a kernel that lets everybody make user namespaces, and the programs
//! `unshare` and `ip`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use std::{env, fs};

use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::Stack;

/// How long the test within may take.
const LIMIT: Duration = Duration::from_mins(5);

/// Where the test within finds what it is told.
const DIRECTORY: &str = "TESTKIT_NAMESPACE";
const SERVERS: [Server; 2] = [
    Server {
        variable: "TESTKIT_POSTGRES_URL",
        socket: "postgres.sock",
    },
    Server {
        variable: "TESTKIT_AMQP_URL",
        socket: "amqp.sock",
    },
];

/// How the test within is told of a server.
struct Server {
    /// The variable with its URL.
    variable: &'static str,
    /// Its socket in the directory.
    socket: &'static str,
}

/// Takes every address there is for one of this machine, and makes the files in the first argument
/// the machine's own; the rest is the command.
const SCRIPT: &str = r#"
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/hosts" /etc/hosts
shift
exec "$@"
"#;

/// Runs the ignored test of this name, of the same binary, in a network namespace of its own.
/// `hosts` is the hosts file there.
///
/// # Errors
/// Why there can be no such namespace on this machine.
///
/// # Panics
/// When the test within fails, with what it wrote.
pub async fn run(test: &str, stack: &Stack, hosts: &str) -> Result<(), String> {
    let directory = TempDir::new().expect("the temporary directory is writable");
    let write = |name: &str, text: &str| {
        fs::write(directory.path().join(name), text).expect("a new directory is writable");
    };
    write("resolv.conf", "nameserver 127.0.0.1\n");
    write("hosts", hosts);
    is_permitted(directory.path()).await?;

    let mut command = isolated(directory.path());
    command.env(DIRECTORY, directory.path());
    let mut relays = Vec::new();
    for (server, url) in SERVERS.iter().zip([stack.postgres_url(), stack.amqp_url()]) {
        let socket = UnixListener::bind(directory.path().join(server.socket));
        let socket = socket.expect("a new directory is writable");
        relays.push(spawn(relay_out(socket, address_of(&url))));
        command.env(server.variable, url);
    }
    command
        .arg(env::current_exe().expect("/proc is mounted"))
        .args(["--exact", test, "--ignored", "--nocapture"]);
    let ran = timeout(LIMIT, command.output()).await;
    let ran = ran.unwrap_or_else(|_| panic!("{test} took longer than {LIMIT:?}"));
    let ran = ran.expect("the test's own binary can be run");
    let said = text_of(&ran);
    // One test, and not none because the name is wrong.
    let passed = ran.status.success() && said.contains("1 passed");
    assert!(passed, "within the namespace:\n{said}");
    Ok(())
}

async fn is_permitted(directory: &Path) -> Result<(), String> {
    let tried = isolated(directory).arg("true").output().await;
    let tried = tried.map_err(|error| format!("unshare: {error}"))?;
    if tried.status.success() {
        Ok(())
    } else {
        Err(text_of(&tried).replace('\n', "; "))
    }
}

/// A namespace of its own, for the command that is still to be named.
fn isolated(directory: &Path) -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    command
        .args(["--net", "--mount", "--", "sh", "-euc", SCRIPT, "sh"])
        .arg(directory)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn text_of(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).trim().to_owned()
}

fn address_of(url: &str) -> String {
    let url = Url::parse(url).expect("the stack's URLs are URLs");
    let host = url.host_str().expect("they have a host");
    let port = url.port().expect("they have a port");
    format!("{host}:{port}")
}

/// The database and the virtual host of a test, from within its namespace.
#[derive(Debug)]
pub struct Within {
    postgres_url: String,
    amqp_url: String,
    _relays: Vec<AbortOnDropHandle<()>>,
}

impl Within {
    /// None where the test was not started by [`run`].
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn find() -> Option<Self> {
        let directory = PathBuf::from(env::var_os(DIRECTORY)?);
        let mut relays = Vec::new();
        let mut urls = Vec::new();
        for server in &SERVERS {
            let listener = TcpListener::bind("127.0.0.1:0").await;
            let listener = listener.expect("loopback has free ports");
            let port = listener.local_addr().ok()?.port();
            relays.push(spawn(relay_in(listener, directory.join(server.socket))));
            let mut url = Url::parse(&env::var(server.variable).ok()?).ok()?;
            url.set_port(Some(port)).ok()?;
            urls.push(url.to_string());
        }
        let [postgres_url, amqp_url] = urls.try_into().ok()?;
        Some(Self {
            postgres_url,
            amqp_url,
            _relays: relays,
        })
    }

    /// `postgres://…` of the database.
    #[must_use]
    pub fn postgres_url(&self) -> String {
        self.postgres_url.clone()
    }

    /// `amqp://…` of the virtual host.
    #[must_use]
    pub fn amqp_url(&self) -> String {
        self.amqp_url.clone()
    }
}

fn spawn(relay: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(relay))
}

/// Out of the namespace, to a server.
async fn relay_out(listener: UnixListener, to: String) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let to = to.clone();
        connections.spawn(async move {
            // An end that breaks off ends the connection: that is all there is to do.
            if let Ok(mut server) = TcpStream::connect(to).await {
                let _closed = copy_bidirectional(&mut client, &mut server).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// From a port in the namespace to the socket.
async fn relay_in(listener: TcpListener, to: PathBuf) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let to = to.clone();
        connections.spawn(async move {
            if let Ok(mut server) = UnixStream::connect(to).await {
                let _closed = copy_bidirectional(&mut client, &mut server).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
