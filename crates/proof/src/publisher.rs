//! The publisher's process: sends at a steady rate, and writes down each event before it is sent
//! and each 202 before the next one.
//!
//! Every other event has an id of the publisher's own, and is sent again until it is accepted; of
//! the rest, what gets no 202 is left alone: whether it was stored is not known.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::journal::{Journal, now_us};
use crate::plan::{self, Load, TENANT};
use crate::worker::{self, Order};

/// How long an answer is waited for: longer than ingest's own deadlines.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long after a refusal a publisher tries again, or goes on.
const PAUSE: Duration = Duration::from_millis(200);
/// How long, once it is enough, an event with an id is tried again.
const LAST_TRIES: Duration = Duration::from_secs(60);
/// How much of what an outage kept back is caught up with at once.
const BURST: Duration = Duration::from_millis(100);

/// What the publisher is told.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where ingest listens; may be given several times.
    #[arg(long = "url", required = true)]
    urls: Vec<String>,
    #[arg(long)]
    key: String,
    #[arg(long)]
    journal: PathBuf,
    #[arg(long, value_enum)]
    load: Load,
    #[arg(long)]
    seed: u64,
    /// Events a second.
    #[arg(long)]
    rate: u32,
    /// Requests under way at once.
    #[arg(long)]
    publishers: u32,
    #[arg(long)]
    payload_bytes: usize,
}

/// How far it has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Events that got a 202.
    pub accepted: u64,
    /// Tries that were answered 503, or not at all.
    pub refused: u64,
    /// Tries that were answered otherwise: never in order.
    pub odd: u64,
    /// Whether it begins nothing new.
    pub holds: bool,
    /// Events under way.
    pub under_way: u64,
}

struct Publisher {
    settings: Settings,
    http: reqwest::Client,
    journal: Journal,
    pace: Mutex<Instant>,
    next: AtomicU64,
    counts: Counts,
    orders: watch::Receiver<Order>,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    odd: AtomicU64,
    under_way: AtomicU64,
}

/// Publishes until standard input says that it is enough, or ends.
///
/// # Errors
/// When the journal can't be written.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    // One provider for the process; only a second call can fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(
        clippy::disallowed_methods,
        reason = "the load's own client: it sends to this machine alone"
    )]
    let http = reqwest::Client::builder();
    let orders = worker::orders();
    let publisher = Arc::new(Publisher {
        http: http.timeout(PATIENCE).build()?,
        journal: Journal::create(&settings.journal)?,
        pace: Mutex::new(Instant::now()),
        next: AtomicU64::new(1),
        counts: Counts::default(),
        orders,
        settings,
    });
    let mut publishing = JoinSet::new();
    for _ in 0..publisher.settings.publishers {
        publishing.spawn(Arc::clone(&publisher).publish_until_told());
    }
    let told = Arc::clone(&publisher);
    let telling = tokio::spawn(worker::tell(move || told.now()));
    while let Some(ended) = publishing.join_next().await {
        ended.context("a publisher panicked")??;
    }
    telling.abort();
    worker::say(&publisher.now())
}

/// What one try came to.
enum Answer {
    Accepted(String),
    /// 503, or none: the event may have been stored or not.
    Refused(String),
    Odd(String),
}

impl Publisher {
    fn now(&self) -> Progress {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        let counts = &self.counts;
        Progress {
            // First: whoever begins after this has seen the order.
            holds: *self.orders.borrow() == Order::Hold,
            accepted: read(&counts.accepted),
            refused: read(&counts.refused),
            odd: read(&counts.odd),
            under_way: read(&counts.under_way),
        }
    }

    async fn publish_until_told(self: Arc<Self>) -> anyhow::Result<()> {
        let mut orders = self.orders.clone();
        loop {
            // The sender ends with standard input, and then it is enough.
            let order = orders.wait_for(|order| *order != Order::Hold).await;
            if order.is_ok_and(|order| *order == Order::Go) {
                self.turn().await;
            } else {
                return Ok(());
            }
            self.counts.under_way.fetch_add(1, Ordering::SeqCst);
            // What was held meanwhile is not begun.
            if *orders.borrow_and_update() == Order::Go {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                self.publish(number).await?;
            }
            self.counts.under_way.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Waits for the next turn at the rate.
    async fn turn(&self) {
        let mut next = self.pace.lock().await;
        let now = Instant::now();
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let mine = (*next).max(earliest);
        *next = mine + Duration::from_secs(1) / self.settings.rate;
        drop(next);
        sleep_until(mine).await;
    }

    async fn publish(&self, number: u64) -> anyhow::Result<()> {
        let Settings {
            load,
            seed,
            payload_bytes,
            urls,
            ..
        } = &self.settings;
        let data = plan::payload(*seed, number, *payload_bytes);
        let hash = plan::hash(data.as_bytes());
        let has_id = number.is_multiple_of(2);
        let event_type = load.event_type(number);
        let id = if has_id {
            format!(r#""id":"proof-{number}","#)
        } else {
            String::new()
        };
        let body = format!(r#"{{"tenant":"{TENANT}","event":"{event_type}",{id}"data":{data}}}"#);
        let mut enough_since = None;
        // Events with and without an id are shared alike.
        let first = usize::try_from(number / 2)? % urls.len();
        for url in urls.iter().cycle().skip(first) {
            let line = format!("sent {number} {hash} {}", now_us());
            self.journal.write(line).await?;
            match self.send(url, body.clone()).await {
                Answer::Accepted(event) => {
                    let line = format!("accepted {number} {event} {}", now_us());
                    self.journal.write(line).await?;
                    self.counts.accepted.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Answer::Refused(why) => {
                    self.counts.refused.fetch_add(1, Ordering::Relaxed);
                    let line = format!("refused {number} {why} {}", now_us());
                    self.journal.write(line).await?;
                }
                Answer::Odd(why) => {
                    self.counts.odd.fetch_add(1, Ordering::Relaxed);
                    let line = format!("odd {number} {why} {}", now_us());
                    self.journal.write(line).await?;
                    return Ok(());
                }
            }
            sleep(PAUSE).await;
            if *self.orders.borrow() == Order::Enough {
                let since = enough_since.get_or_insert_with(Instant::now);
                if since.elapsed() > LAST_TRIES {
                    return Ok(());
                }
            }
            if !has_id {
                return Ok(());
            }
        }
        bail!("there is no ingest to send to")
    }

    async fn send(&self, url: &str, body: String) -> Answer {
        let request = self.http.post(format!("{url}/v1/events"));
        let request = request.bearer_auth(&self.settings.key);
        let request = request.header("content-type", "application/json");
        let Ok(answer) = request.body(body).send().await else {
            return Answer::Refused("unanswered".to_owned());
        };
        let status = answer.status().as_u16();
        if status == 503 {
            return Answer::Refused(status.to_string());
        }
        let Ok(text) = answer.text().await else {
            return Answer::Refused("broken-off".to_owned());
        };
        let id = serde_json::from_str(&text).map(|Told { id }| id);
        match (status, id) {
            (202, Ok(id)) => Answer::Accepted(id),
            _ => Answer::Odd(format!("{status}:{}", text.replace([' ', '\n'], "_"))),
        }
    }
}

/// What is read of a 202.
#[derive(Deserialize)]
struct Told {
    id: String,
}
