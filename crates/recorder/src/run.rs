//! The role's life: from its parts to the last commit.

use std::sync::Arc;

use broker::topology::{self, queue};
use broker::{Broker, ConsumerOptions};
use domain::shard::Shards;
use service::{Health, Latch, Lifecycle};
use store::Store;

use crate::backlog::Backlog;
use crate::bookkeeping::{Bookkeeper, LedgerMetrics};
use crate::config::Config;
use crate::dead::Undertaker;
use crate::herald::Herald;
use crate::lane::Lane;
use crate::metrics::Metrics;
use crate::results::Results;
use crate::upkeep::Upkeep;
use crate::watch::Watch;

/// How many messages of reports are written in one transaction: up to 4,096 reports.
const RESULTS_TOGETHER: usize = 16;
/// How many dead or rejected messages are held, and handled together.
const DEAD_TOGETHER: u16 = 32;

/// What the recorder works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where reports and dead letters come from.
    pub broker: Broker,
    /// The record.
    pub store: Store,
    /// How many queues each lane has.
    pub shards: Shards,
}

/// Records until `life` is to stop and what was in flight is committed and acknowledged.
///
/// A broker or a Postgres that is away is waited for, and the role is not ready meanwhile.
/// Nothing that a restart would mend can fail here.
pub async fn run(config: Config, parts: Parts, life: Lifecycle, health: Health) {
    let role = Role {
        record: Arc::new(health.latch("record")),
        metrics: Metrics::new(),
        parts,
        life,
        health,
    };
    let results = role.results();
    let undertaker = role.undertaker();
    let report = |received| {
        let results = Arc::clone(&results);
        async move { results.handle(received).await }
    };
    let bury = |received| {
        let undertaker = Arc::clone(&undertaker);
        async move { undertaker.bury(received).await }
    };
    let reject = |received| {
        let undertaker = Arc::clone(&undertaker);
        async move { undertaker.reject(received).await }
    };
    let quarantine = queue::quarantine(topology::Lane::Results);
    let prefetch = config.prefetch.get();
    let together = usize::from(DEAD_TOGETHER);
    tokio::join!(
        role.lane(queue::results(), prefetch, RESULTS_TOGETHER)
            .run(report),
        role.lane(quarantine, 1, 1).run(report),
        role.lane(queue::dead(), DEAD_TOGETHER, together).run(bury),
        role.lane(queue::rejected(), DEAD_TOGETHER, together)
            .run(reject),
        role.herald().run(),
        role.watch(&config).run(),
        role.upkeep(&config).run(),
        role.bookkeeper(&config).run(),
    );
}

struct Role {
    parts: Parts,
    life: Lifecycle,
    health: Health,
    /// Says whether the record answers; the upkeep's first round asks it.
    record: Arc<Latch>,
    metrics: Metrics,
}

impl Role {
    fn lane(&self, queue: String, prefetch: u16, most: usize) -> Lane {
        Lane {
            broker: self.parts.broker.clone(),
            latch: self.health.latch(&queue),
            consume: ConsumerOptions {
                queue,
                prefetch,
                name: "recorder".to_owned(),
            },
            most,
            life: self.life.clone(),
        }
    }

    fn results(&self) -> Arc<Results> {
        Arc::new(Results {
            store: self.parts.store.clone(),
            publisher: self.parts.broker.publisher("recorder results"),
            record: Arc::clone(&self.record),
            stop: self.life.stop().clone(),
            abort: self.life.abort().clone(),
            metrics: self.metrics.clone(),
        })
    }

    fn undertaker(&self) -> Arc<Undertaker> {
        Arc::new(Undertaker {
            store: self.parts.store.clone(),
            publisher: self.parts.broker.publisher("recorder dead"),
            record: Arc::clone(&self.record),
            stop: self.life.stop().clone(),
            abort: self.life.abort().clone(),
            metrics: self.metrics.clone(),
        })
    }

    fn herald(&self) -> Herald {
        Herald {
            store: self.parts.store.clone(),
            publisher: self.parts.broker.publisher("recorder herald"),
            shards: self.parts.shards,
            stop: self.life.stop().clone(),
            metrics: self.metrics.clone(),
        }
    }

    fn watch(&self, config: &Config) -> Watch {
        Watch {
            store: self.parts.store.clone(),
            failing: config.failing(),
            disable: config.disable(),
            stop: self.life.stop().clone(),
        }
    }

    fn bookkeeper(&self, config: &Config) -> Bookkeeper {
        Bookkeeper {
            backlog: Backlog::new(self.parts.broker.clone(), self.parts.shards),
            store: self.parts.store.clone(),
            shards: self.parts.shards,
            grace: config.loss_grace,
            metrics: LedgerMetrics::new(),
            stop: self.life.stop().clone(),
        }
    }

    fn upkeep(&self, config: &Config) -> Upkeep {
        Upkeep {
            store: self.parts.store.clone(),
            days_ahead: config.partition_days_ahead,
            retention: config.retention,
            record: Arc::clone(&self.record),
            stop: self.life.stop().clone(),
        }
    }
}
