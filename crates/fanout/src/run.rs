//! The role's life: from its parts to the last batch.

use std::sync::Arc;

use broker::topology::queue;
use broker::{Broker, ConsumerOptions, Publisher};
use domain::fairness::Share;
use domain::shard::Shards;
use futures::future::join_all;
use service::courtesy::Steps;
use service::{Courtesy, Health, Lifecycle, Shares};
use store::{Live, Store, SubscriptionDirectory};
use tokio::sync::Mutex;

use crate::config::Config;
use crate::fan_out::FanOut;
use crate::lane::Lane;
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
        // What thousands of deliveries fill is not in the way of a single one.
        bulk_publisher: parts.broker.publisher("fanout bulk"),
        metrics: Metrics::new(),
        parts,
        life,
        health,
    };
    let courtesy = Courtesy::new(Share::percent(config.bulk_share));
    let shares = Shares::new(config.normal_per_second.get(), courtesy.clone());
    let (prefetch, batches) = (config.prefetch.get(), config.batches.get().into());
    let mut workers = Vec::new();
    for shard in role.parts.shards.all() {
        let (lane, steps) = (Lane::Normal(shares.clone()), Steps::normal(batches));
        workers.push(role.worker(queue::fanout(shard), prefetch, lane, steps));
        let lane = Lane::Bulk(courtesy.clone());
        let steps = Steps::bulk(batches, courtesy.clone());
        workers.push(role.worker(queue::fanout_bulk(shard), prefetch, lane, steps));
    }
    let quarantine = queue::quarantine(queue::Lane::Events);
    workers.push(role.worker(quarantine, 1, Lane::Quarantine, Steps::normal(1)));
    join_all(workers.into_iter().map(Worker::run)).await;
}

struct Role {
    parts: Parts,
    publisher: Publisher,
    bulk_publisher: Publisher,
    metrics: Metrics,
    life: Lifecycle,
    health: Health,
}

impl Role {
    fn worker(&self, queue: String, prefetch: u16, lane: Lane, steps: Steps) -> Worker {
        let recording = Recording {
            store: self.parts.store.clone(),
            subscriptions: self.parts.subscriptions.clone(),
            turn: Mutex::new(()),
            latch: self.health.latch(&format!("record for {queue}")),
            stop: self.life.stop().clone(),
            metrics: self.metrics.clone(),
        };
        let publisher = match lane {
            Lane::Normal(_) | Lane::Quarantine => &self.publisher,
            Lane::Bulk(_) => &self.bulk_publisher,
        };
        let fan_out = FanOut {
            lane,
            recording,
            publisher: publisher.clone(),
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
            steps,
            fan_out: Arc::new(fan_out),
            life: self.life.clone(),
        }
    }
}
