//! The ledger, taken from time to time: posted, compared, and shown as metrics.

use std::time::Duration;

use broker::topology::queue;
use domain::shard::Shards;
use opentelemetry::metrics::Gauge;
use opentelemetry::{KeyValue, global};
use store::lanes::Lanes;
use store::ledger::{Balance, Ledger};
use store::{Store, StoreError};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::backlog::Backlog;

/// How often the ledger is taken.
const ROUND: Duration = Duration::from_secs(5);

/// Keeps the ledger.
pub(crate) struct Bookkeeper {
    pub(crate) backlog: Backlog,
    pub(crate) store: Store,
    pub(crate) shards: Shards,
    /// How long after it was due a delivery may be missing.
    pub(crate) grace: Duration,
    pub(crate) metrics: LedgerMetrics,
    pub(crate) stop: CancellationToken,
}

impl Bookkeeper {
    /// Takes the ledger every few seconds, until told to stop. A round that fails is left out: what
    /// is to be posted waits in the record.
    pub(crate) async fn run(self) {
        let lanes = Lanes {
            first: queue::first_lanes(self.shards),
            later: queue::later_lanes(self.shards),
        };
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Balance::Unknown;
        let mut is_failing = false;
        while self.stop.run_until_cancelled(rounds.tick()).await.is_some() {
            let Some(taken) = self.stop.run_until_cancelled(self.take(&lanes)).await else {
                return;
            };
            match taken {
                Ok(ledger) => {
                    is_failing = false;
                    self.metrics.show(&ledger);
                    log(&ledger, last);
                    last = ledger.balance();
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error, "the ledger could not be taken");
                    }
                }
            }
        }
    }

    async fn take(&self, lanes: &Lanes) -> Result<Ledger, StoreError> {
        let waiting = self.backlog.look().await;
        if let Some(waiting) = &waiting {
            self.store.note_depths(&waiting.depths).await?;
        }
        let accepted = waiting.and_then(|waiting| waiting.accepted);
        let horizon = self.store.horizon(lanes, self.grace).await?;
        self.store.take_ledger(horizon, accepted).await
    }
}

/// Once for each change.
fn log(ledger: &Ledger, last: Balance) {
    let missing = ledger.missing;
    match ledger.balance() {
        Balance::Unbalanced if last != Balance::Unbalanced => tracing::warn!(
            first_attempts = missing.first,
            later_attempts = missing.waiting,
            "the ledger does not balance: deliveries are missing, see posthaste reconcile"
        ),
        Balance::Balanced if last == Balance::Unbalanced => {
            tracing::info!("the ledger balances again");
        }
        Balance::Balanced | Balance::Unbalanced | Balance::Unknown => {}
    }
}

/// What the ledger says, as metrics. By state, and never by tenant.
#[derive(Debug)]
pub(crate) struct LedgerMetrics {
    deliveries: Gauge<i64>,
    missing: Gauge<i64>,
    taken: Gauge<i64>,
    balanced: Gauge<i64>,
}

impl LedgerMetrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("posthaste");
        let gauge = |name, description, unit| {
            meter
                .i64_gauge(name)
                .with_description(description)
                .with_unit(unit)
                .build()
        };
        Self {
            deliveries: gauge(
                "posthaste.ledger.deliveries",
                "Recorded deliveries, by where they stand",
                "{delivery}",
            ),
            missing: gauge(
                "posthaste.ledger.missing",
                "Deliveries that are neither settled nor can be in a queue any more",
                "{delivery}",
            ),
            taken: gauge(
                "posthaste.ledger.taken.timestamp",
                "When the ledger was last taken, in seconds since 1970",
                "s",
            ),
            balanced: gauge(
                "posthaste.ledger.balanced.timestamp",
                "When the ledger last balanced, in seconds since 1970",
                "s",
            ),
        }
    }

    fn show(&self, ledger: &Ledger) {
        let counts = ledger.counts;
        for (state, count) in [
            ("delivered", counts.delivered),
            ("waiting", counts.waiting),
            ("dead", counts.dead),
            ("cancelled", counts.cancelled),
            ("held", counts.held),
            ("unsettled", counts.unsettled()),
        ] {
            self.deliveries
                .record(count, &[KeyValue::new("state", state)]);
        }
        for (attempt, count) in [
            ("first", ledger.missing.first),
            ("later", ledger.missing.waiting),
        ] {
            self.missing
                .record(count, &[KeyValue::new("attempt", attempt)]);
        }
        self.taken.record(ledger.taken_at.unix_timestamp(), &[]);
        if let Some(at) = ledger.balanced_at {
            self.balanced.record(at.unix_timestamp(), &[]);
        }
    }
}
