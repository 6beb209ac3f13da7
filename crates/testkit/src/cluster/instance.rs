//! One process of the real program.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use sandbox::{Process, Signal, signal};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Log, Role};
use crate::port::free_port;
use crate::usage::{Usage, usage};
use crate::{eventually, fetch};

/// How long a role may take to be ready: the broker may have just been started too.
const READY: Duration = Duration::from_secs(60);
/// How long a role may take to drain: longer than its own grace.
const DRAIN: Duration = Duration::from_secs(60);

/// One process of a role, of which there may be several. Dropping it kills it.
#[derive(Debug)]
pub struct Instance {
    role: Role,
    child: Child,
    process: Process,
    ops: u16,
    log: Log,
}

impl Instance {
    /// Runs this command.
    pub(super) fn spawn(mut command: Command, role: Role, log: &Log) -> Self {
        let ops = free_port();
        command.args(["--ops-listen", &format!("127.0.0.1:{ops}")]);
        command.stderr(log.open()).stdout(Stdio::null());
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("{}: {error}", role.name()));
        let process = child.id().and_then(Process::find);
        Self {
            role,
            process: process.unwrap_or_else(|| panic!("{} ended at once", role.name())),
            child,
            ops,
            log: log.clone(),
        }
    }

    /// Its role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> Process {
        self.process
    }

    /// Where its operators' port is.
    #[must_use]
    pub fn ops_address(&self) -> String {
        format!("127.0.0.1:{}", self.ops)
    }

    /// Its metrics, in Prometheus' form.
    ///
    /// # Panics
    /// When it doesn't answer.
    pub async fn metrics(&self) -> String {
        let answer = fetch(self.asking("metrics")).await;
        let answer = answer.expect("the role answers");
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    fn asking(&self, path: &str) -> Request<Full<Bytes>> {
        let url = format!("http://{}/{path}", self.ops_address());
        let request = Request::get(url).body(Full::default());
        request.expect("the URL is one")
    }

    /// Whether it says that it is ready.
    ///
    /// # Errors
    /// What it says instead, or why it can't be asked.
    pub async fn is_ready(&self) -> Result<(), String> {
        let answer = fetch(self.asking("readyz?verbose")).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status == StatusCode::OK {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Waits until it says that it is ready.
    ///
    /// # Panics
    /// When it doesn't in time, with the end of its log.
    pub async fn ready(&self) {
        let what = format!("{} to be ready", self.role.name());
        eventually(READY, &what, async || {
            let ready = self.is_ready().await;
            ready.map_err(|said| format!("{said}\n{}", self.log.tail()))
        })
        .await;
    }

    /// Kills it with SIGKILL, and returns when it is gone.
    ///
    /// # Panics
    /// When it can't be killed.
    pub async fn kill(mut self) {
        let killed = self.child.kill().await;
        killed.expect("the process can be killed");
    }

    /// Asks it to end with SIGTERM, and returns what it ended with.
    ///
    /// # Panics
    /// When it doesn't end in time.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::Terminate);
        let ended = timeout(DRAIN, self.child.wait()).await;
        ended
            .expect("the role drains in time")
            .expect("it can be waited for")
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When no signal can be sent.
    pub fn signal(&self, which: Signal) {
        signal(which, &[self.process]).expect("signals can be sent");
    }

    /// What it has used since it started.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn usage(&self) -> Usage {
        usage(self.process.pid())
    }
}
