//! The receiver's process: it answers as its paths say, and writes down what came when.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Json;
use axum::routing::{get, post, put};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::{Addresses, Arrival, Arrivals};

/// How long an endpoint that hangs keeps its callers.
const HANG: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Seen {
    count: AtomicU64,
    status: AtomicU16,
    arrivals: Mutex<Arrivals>,
    series: Mutex<HashMap<String, Vec<Arrival>>>,
}

/// Serves until the process is ended. The first line it prints says where.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let closing = TcpListener::bind("127.0.0.1:0").await?;
    let addresses = Addresses {
        url: format!("http://{}", listener.local_addr()?),
        closing_url: format!("http://{}", closing.local_addr()?),
    };
    println!("{}", serde_json::to_string(&addresses)?);
    tokio::spawn(close_all(closing));
    let seen = Arc::new(Seen::default());
    seen.status.store(200, Ordering::Relaxed);
    let app = Router::new()
        .route("/count", get(count))
        .route("/arrivals", get(arrivals))
        .route("/status", put(status))
        .route("/series/{name}", get(series).delete(forget))
        .route("/timed/{name}", post(timed))
        .route("/hang/{*path}", post(hang))
        .route("/fail/{*path}", post(fail))
        .route("/{*path}", post(arrive))
        .with_state(seen);
    axum::serve(listener, app)
        .await
        .context("the receiver ended")
}

/// Takes requests and closes without an answer.
async fn close_all(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(read_and_close(stream));
    }
}

async fn read_and_close(mut stream: TcpStream) {
    let mut some = [0; 1024];
    // Whether anything came doesn't matter: the connection ends here.
    let _ = stream.read(&mut some).await;
}

async fn arrive(State(seen): State<Arc<Seen>>, headers: HeaderMap, _body: Bytes) -> StatusCode {
    let status = seen.status.load(Ordering::Relaxed);
    // Every arrival is written down only where times matter: not in the throughput runs.
    if status != 200 {
        let id = headers
            .get("webhook-id")
            .and_then(|id| id.to_str().ok())
            .unwrap_or_default();
        let now_ms = since_epoch().as_millis();
        locked(&seen.arrivals)
            .entry(id.to_owned())
            .or_default()
            .push(u64::try_from(now_ms).unwrap_or(u64::MAX));
    }
    seen.count.fetch_add(1, Ordering::Relaxed);
    StatusCode::from_u16(status).unwrap_or(StatusCode::OK)
}

/// What is read of a body in the guide's format.
#[derive(Deserialize)]
struct Told {
    timestamp: String,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    sent_us: u64,
}

/// Writes down when the event arrived, and how long after it was accepted; answers as [`status`]
/// says.
async fn timed(State(seen): State<Arc<Seen>>, Path(name): Path<String>, body: Bytes) -> StatusCode {
    let now = OffsetDateTime::now_utc();
    let Ok(Told { timestamp, data }) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let Ok(accepted) = OffsetDateTime::parse(&timestamp, &Rfc3339) else {
        return StatusCode::BAD_REQUEST;
    };
    let at_us = u64::try_from(now.unix_timestamp_nanos() / 1_000).unwrap_or_default();
    let status = seen.status.load(Ordering::Relaxed);
    locked(&seen.series).entry(name).or_default().push(Arrival {
        at_us,
        latency_us: u64::try_from((now - accepted).whole_microseconds()).unwrap_or_default(),
        since_sent_us: (data.sent_us > 0).then(|| at_us.saturating_sub(data.sent_us)),
        status,
    });
    StatusCode::from_u16(status).unwrap_or(StatusCode::OK)
}

async fn hang() -> StatusCode {
    tokio::time::sleep(HANG).await;
    StatusCode::OK
}

async fn fail() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn count(State(seen): State<Arc<Seen>>) -> String {
    seen.count.load(Ordering::Relaxed).to_string()
}

async fn arrivals(State(seen): State<Arc<Seen>>) -> Json<Arrivals> {
    Json(locked(&seen.arrivals).clone())
}

async fn series(State(seen): State<Arc<Seen>>, Path(name): Path<String>) -> Json<Vec<Arrival>> {
    Json(locked(&seen.series).get(&name).cloned().unwrap_or_default())
}

async fn forget(State(seen): State<Arc<Seen>>, Path(name): Path<String>) -> StatusCode {
    locked(&seen.series).remove(&name);
    StatusCode::NO_CONTENT
}

async fn status(State(seen): State<Arc<Seen>>, body: String) -> StatusCode {
    let Ok(status) = body.parse() else {
        return StatusCode::BAD_REQUEST;
    };
    seen.status.store(status, Ordering::Relaxed);
    StatusCode::NO_CONTENT
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
