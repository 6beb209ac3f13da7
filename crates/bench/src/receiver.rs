//! A receiver that answers at once, in a process of its own.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Json;
use axum::routing::{get, post, put};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// What the receiver saw, by `webhook-id`: milliseconds since 1970 of each arrival.
pub(crate) type Arrivals = HashMap<String, Vec<u64>>;

#[derive(Default)]
struct Seen {
    count: AtomicU64,
    status: AtomicU16,
    arrivals: Mutex<Arrivals>,
}

/// Serves until the process is ended. The first line it prints is its address.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let seen = Arc::new(Seen::default());
    seen.status.store(200, Ordering::Relaxed);
    let app = Router::new()
        .route("/count", get(count))
        .route("/arrivals", get(arrivals))
        .route("/status", put(status))
        .route("/{*path}", post(arrive))
        .with_state(seen);
    axum::serve(listener, app)
        .await
        .context("the receiver ended")
}

async fn arrive(State(seen): State<Arc<Seen>>, headers: HeaderMap, _body: Bytes) -> StatusCode {
    let status = seen.status.load(Ordering::Relaxed);
    // Every arrival is written down only where times matter: not in the throughput runs.
    if status != 200 {
        let id = headers
            .get("webhook-id")
            .and_then(|id| id.to_str().ok())
            .unwrap_or_default();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let mut arrivals = seen.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals
            .entry(id.to_owned())
            .or_default()
            .push(u64::try_from(now).unwrap_or(u64::MAX));
    }
    seen.count.fetch_add(1, Ordering::Relaxed);
    StatusCode::from_u16(status).unwrap_or(StatusCode::OK)
}

async fn count(State(seen): State<Arc<Seen>>) -> String {
    seen.count.load(Ordering::Relaxed).to_string()
}

async fn arrivals(State(seen): State<Arc<Seen>>) -> Json<Arrivals> {
    Json(
        seen.arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone(),
    )
}

async fn status(State(seen): State<Arc<Seen>>, body: String) -> StatusCode {
    let Ok(status) = body.parse() else {
        return StatusCode::BAD_REQUEST;
    };
    seen.status.store(status, Ordering::Relaxed);
    StatusCode::NO_CONTENT
}

/// A receiver's process. Dropping it ends it.
pub(crate) struct Receiver {
    child: Child,
    /// `http://…` without a path.
    pub(crate) url: String,
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
        let address = BufReader::new(stdout).lines().next_line().await?;
        let url = format!(
            "http://{}",
            address.context("the receiver says where it is")?
        );
        Ok(Self { child, url, http })
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
        Ok(self
            .http
            .get(format!("{}/arrivals", self.url))
            .send()
            .await?
            .json()
            .await?)
    }
}
