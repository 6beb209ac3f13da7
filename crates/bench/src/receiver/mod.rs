//! A receiver in a process of its own.

mod serve;

use std::collections::HashMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

pub(crate) use serve::serve;

/// How long deliveries are waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long nothing must come before nothing more is expected.
const QUIET: Duration = Duration::from_secs(2);

/// What the receiver saw, by `webhook-id`: milliseconds since 1970 of each arrival.
pub(crate) type Arrivals = HashMap<String, Vec<u64>>;

/// An arrival of a series.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Arrival {
    /// Microseconds since 1970.
    pub(crate) at_us: u64,
    /// Since the event was accepted.
    pub(crate) latency_us: u64,
    /// Since it was to be sent; none where its data don't say.
    pub(crate) since_sent_us: Option<u64>,
    /// What it was answered with.
    pub(crate) status: u16,
}

/// Where a receiver listens; URLs without a path.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Addresses {
    url: String,
    /// Here every connection is closed after its request.
    closing_url: String,
}

/// A receiver's process. Dropping it ends it.
pub(crate) struct Receiver {
    child: Child,
    /// `http://…` without a path: `/timed/{series}` writes down when events arrive, `/hang/…` and
    /// `/fail/…` do what they say, and everything else is answered at once.
    pub(crate) url: String,
    /// The same of a server that closes every connection without an answer.
    pub(crate) closing_url: String,
    http: reqwest::Client,
}

impl Receiver {
    /// Starts one.
    pub(crate) async fn start(http: reqwest::Client) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("receiver")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .context("the receiver's output is piped")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let addresses: Addresses =
            serde_json::from_str(&line.context("the receiver says where it is")?)?;
        Ok(Self {
            child,
            url: addresses.url,
            closing_url: addresses.closing_url,
            http,
        })
    }

    /// The process.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the receiver has ended")
    }

    /// How many requests came.
    pub(crate) async fn count(&self) -> anyhow::Result<u64> {
        let answer = self.http.get(format!("{}/count", self.url)).send().await?;
        Ok(answer.text().await?.parse()?)
    }

    /// What it answers from now on.
    pub(crate) async fn answer_with(&self, status: u16) -> anyhow::Result<()> {
        let url = format!("{}/status", self.url);
        self.http
            .put(url)
            .body(status.to_string())
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }

    /// When what arrived.
    pub(crate) async fn arrivals(&self) -> anyhow::Result<Arrivals> {
        let url = format!("{}/arrivals", self.url);
        Ok(self.http.get(url).send().await?.json().await?)
    }

    /// Where a series is written down.
    pub(crate) fn timed(&self, series: &str) -> String {
        format!("{}/timed/{series}", self.url)
    }

    /// What has arrived of a series, in order.
    pub(crate) async fn series(&self, name: &str) -> anyhow::Result<Vec<Arrival>> {
        let url = format!("{}/series/{name}", self.url);
        Ok(self.http.get(url).send().await?.json().await?)
    }

    /// Waits until so many requests came.
    ///
    /// # Errors
    /// When they don't for five minutes.
    pub(crate) async fn reached(&self, count: u64) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.count().await? < count {
            let have = self.count().await?;
            ensure!(Instant::now() < deadline, "{have} of {count} deliveries");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until nothing more comes of a series.
    pub(crate) async fn settled(&self, name: &str) -> anyhow::Result<()> {
        let mut before = None;
        loop {
            let now = self.series(name).await?.len();
            if before == Some(now) {
                return Ok(());
            }
            before = Some(now);
            tokio::time::sleep(QUIET).await;
        }
    }

    /// Begins a series anew.
    pub(crate) async fn forget(&self, name: &str) -> anyhow::Result<()> {
        let url = format!("{}/series/{name}", self.url);
        self.http.delete(url).send().await?.error_for_status()?;
        Ok(())
    }
}
