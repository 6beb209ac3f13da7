//! The receiver's process: writes down what came and what it will answer, and then answers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::journal::{Journal, now_us};
use crate::plan::{self, Behaviour, Load};
use crate::worker::{self, Order};

/// What the receiver is told.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    #[arg(long)]
    journal: PathBuf,
    #[arg(long, value_enum)]
    load: Load,
}

/// How far it has come.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Where it listens.
    pub url: String,
    /// Requests that were answered 2xx.
    pub delivered: u64,
    /// Requests that were answered otherwise.
    pub failed: u64,
}

struct Receiver {
    load: Load,
    journal: Journal,
    url: String,
    delivered: AtomicU64,
    failed: AtomicU64,
    /// How often each event has failed at each endpoint that fails only at first.
    failures: Mutex<HashMap<(usize, String), u32>>,
}

/// Answers until standard input ends.
///
/// # Errors
/// When there is no port or no journal.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut orders = worker::orders();
    let receiver = Arc::new(Receiver {
        load: settings.load,
        journal: Journal::create(&settings.journal)?,
        url: format!("http://{}", listener.local_addr()?),
        delivered: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        failures: Mutex::default(),
    });
    let told = Arc::clone(&receiver);
    worker::say(&receiver.now())?;
    tokio::spawn(worker::tell(move || told.now()));
    let app = Router::new()
        .route("/{endpoint}", post(arrive))
        .with_state(receiver);
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            // Also when the sender is gone.
            let _enough = orders.wait_for(|order| *order == Order::Enough).await;
        })
        .await
        .context("the receiver ended")
}

impl Receiver {
    fn now(&self) -> Progress {
        Progress {
            url: self.url.clone(),
            delivered: self.delivered.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// What this event is answered with at this endpoint now.
    fn status(&self, endpoint: usize, event: &str) -> StatusCode {
        let most = match self.load.endpoints()[endpoint].behaviour {
            Behaviour::Willing => return StatusCode::OK,
            Behaviour::Unwilling => return StatusCode::NOT_FOUND,
            Behaviour::FailsFirst(most) => most,
        };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = failures.entry((endpoint, event.to_owned())).or_default();
        if *failed == most {
            return StatusCode::OK;
        }
        *failed += 1;
        StatusCode::NOT_FOUND
    }
}

async fn arrive(
    State(receiver): State<Arc<Receiver>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok());
    let (Some(endpoint), Some(id)) = (receiver.load.position(&name), id) else {
        return StatusCode::BAD_REQUEST;
    };
    let hash = plan::hash(plan::payload_of(&body));
    let status = receiver.status(endpoint, id);
    let line = format!("got {name} {id} {hash} {} {}", status.as_u16(), now_us());
    if receiver.journal.write(line).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let count = if status.is_success() {
        &receiver.delivered
    } else {
        &receiver.failed
    };
    count.fetch_add(1, Ordering::Relaxed);
    status
}
