//! The role's life: from its parts to the last batch.

use std::sync::Arc;

use broker::topology::{Lane, queue};
use broker::{Broker, ConsumerOptions, Publisher};
use domain::shard::Shards;
use futures::future::join_all;
use service::{Health, Lifecycle};
use store::{Live, Store, SubscriptionDirectory};
use tokio::sync::Mutex;

use crate::config::Config;
use crate::fan_out::FanOut;
use crate::metrics::Metrics;
use crate::recording::Recording;
use crate::worker::Worker;

/// What fan-out works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where events come from and deliveries go.
    pub broker: Broker,
    /// The record.
    pub store: Store,
    /// What each tenant's endpoints have subscribed to.
    pub subscriptions: Live<SubscriptionDirectory>,
    /// How many queues each lane has.
    pub shards: Shards,
}

/// Fans events out until `life` is to stop and what was in flight is published and acknowledged.
///
/// A broker or a Postgres that is away is waited for, and the role is not ready meanwhile.
/// Nothing that a restart would mend can fail here.
pub async fn run(config: Config, parts: Parts, life: Lifecycle, health: Health) {
    let role = Role {
        publisher: parts.broker.publisher("fanout"),
        metrics: Metrics::new(),
        parts,
        life,
        health,
    };
    let quarantine = role.worker(queue::quarantine(Lane::Events), 1, 1);
    let (prefetch, batches) = (config.prefetch.get(), config.batches.get());
    let shards = role.parts.shards.all();
    let shards = shards.map(|shard| role.worker(queue::fanout(shard), prefetch, batches));
    let workers: Vec<Worker> = shards.chain([quarantine]).collect();
    join_all(workers.into_iter().map(Worker::run)).await;
}

struct Role {
    parts: Parts,
    publisher: Publisher,
    metrics: Metrics,
    life: Lifecycle,
    health: Health,
}

impl Role {
    fn worker(&self, queue: String, prefetch: u16, batches: u8) -> Worker {
        let recording = Recording {
            store: self.parts.store.clone(),
            subscriptions: self.parts.subscriptions.clone(),
            turn: Mutex::new(()),
            latch: self.health.latch(&format!("record for {queue}")),
            stop: self.life.stop().clone(),
            metrics: self.metrics.clone(),
        };
        let fan_out = FanOut {
            recording,
            publisher: self.publisher.clone(),
            shards: self.parts.shards,
            abort: self.life.abort().clone(),
            metrics: self.metrics.clone(),
        };
        Worker {
            broker: self.parts.broker.clone(),
            latch: self.health.latch(&queue),
            consume: ConsumerOptions {
                queue,
                prefetch,
                name: "fanout".to_owned(),
            },
            batches: usize::from(batches),
            fan_out: Arc::new(fan_out),
            life: self.life.clone(),
        }
    }
}
