//! One process of a role.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Role, tail};
use crate::usage::{Usage, usage};
use crate::{eventually, fetch};

/// How long a role may take to be ready: the broker may have just been started too.
const READY: Duration = Duration::from_secs(60);
/// How long a role may take to drain: longer than its own grace.
const DRAIN: Duration = Duration::from_secs(60);

/// One process of a role, of which there may be several. Dropping it kills it.
#[derive(Debug)]
pub struct Instance {
    pub(super) role: Role,
    pub(super) child: Child,
    pub(super) ops: u16,
    /// Where it serves, if its role does.
    pub(super) listen: u16,
    pub(super) log: PathBuf,
}

impl Instance {
    /// Where its operators' port is.
    #[must_use]
    pub fn ops_address(&self) -> String {
        format!("127.0.0.1:{}", self.ops)
    }

    /// Where it serves, without a path; of ingest and console.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listen)
    }

    /// The process.
    ///
    /// # Panics
    /// When it has been waited for.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// What it has used since it started.
    #[must_use]
    pub fn usage(&self) -> Usage {
        usage(self.pid())
    }

    /// Its metrics, in Prometheus' form.
    ///
    /// # Panics
    /// When it doesn't answer.
    pub async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.ops_address());
        let request = Request::get(url).body(Full::<Bytes>::default());
        let answer = fetch(request.expect("the URL is one")).await;
        let answer = answer.expect("the role answers");
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    /// Waits until it says that it is ready.
    ///
    /// # Panics
    /// When it doesn't in time, with the end of its role's log.
    pub async fn ready(&self) {
        let url = format!("http://{}/readyz?verbose", self.ops_address());
        let name = self.role.name();
        eventually(READY, &format!("{name} to be ready"), async || {
            let request = Request::get(&url).body(Full::<Bytes>::default());
            let answer = fetch(request.expect("the URL is one")).await;
            let answer = answer.map_err(|error| error.to_string())?;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            if answer.status == StatusCode::OK {
                Ok(())
            } else {
                Err(format!("{text}\n{}", tail(&self.log)))
            }
        })
        .await;
    }

    /// Kills it with SIGKILL, and returns when it is gone.
    ///
    /// # Panics
    /// When it can't be killed.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the process can be killed");
    }

    /// Asks it to end with SIGTERM, and returns what it ended with.
    ///
    /// # Panics
    /// When it doesn't end in time.
    pub async fn terminate(mut self) -> ExitStatus {
        let asked = Command::new("kill").arg(self.pid().to_string()).status();
        let asked = asked.await;
        assert!(
            asked.expect("there is a kill").success(),
            "{} can't be signalled",
            self.role.name()
        );
        let ended = timeout(DRAIN, self.child.wait()).await;
        ended
            .expect("the role drains in time")
            .expect("it can be waited for")
    }
}
