//! The replay engine: works off the replays that people ask for, each at its rate.
//!
//! Several consoles may run. A replay is taken by a lease, which its console renews; when that one
//! is killed another goes on, or the same one after it was started again: with what was in hand
//! first, and then from the replay's cursor.
//!
//! **Invariant:** a delivery is on record before it is published, in the transaction that moves the
//! cursor, and its id follows from the replay and what it repeats. So nothing that was selected is
//! left out, and what is published twice is one delivery.

use std::time::Duration;

use broker::Publisher;
use domain::shard::Shards;
use service::Lifecycle;
use store::Store;
use store::replays::work::Worker;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

mod job;
mod pace;
mod selection;

use crate::metrics::Metrics;
use job::Job;
pub(crate) use selection::{Count, Selection};

/// How often replays to be worked on are looked for.
const LOOK: Duration = Duration::from_millis(500);

/// How many replays one console works on at once.
const AT_ONCE: usize = 8;

/// Works on replays.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    pub(crate) shards: Shards,
    pub(crate) life: Lifecycle,
    pub(crate) metrics: Metrics,
}

impl Engine {
    /// Works until told to stop, then gives back what it was at.
    pub(crate) async fn run(self) {
        let worker = Worker::new();
        let mut jobs = JoinSet::new();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.life.stop().clone();
        loop {
            let active = u64::try_from(jobs.len()).expect("there are at most eight");
            self.metrics.replays.record(active, &[]);
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = jobs.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a replay panicked; it is taken up again");
                    }
                }
                _ = look.tick(), if jobs.len() < AT_ONCE => {
                    if let Some(job) = self.take(worker).await {
                        jobs.spawn(job.run());
                    }
                }
            }
        }
        while jobs.join_next().await.is_some() {}
    }

    async fn take(&self, worker: Worker) -> Option<Job> {
        match self.store.take_replay(worker).await {
            Ok(taken) => taken.map(|replay| Job::new(self.clone(), worker, replay)),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "replays could not be looked for");
                None
            }
        }
    }
}
