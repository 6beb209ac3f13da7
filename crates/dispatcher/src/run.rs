//! The role's life: from its parts to the last message.

use std::sync::Arc;

use broker::topology::queue;
use broker::{Broker, Consumer, ConsumerOptions, Publisher};
use domain::fairness::Share;
use domain::id::DispatcherId;
use domain::shard::Shards;
use service::{Courtesy, Health, Lifecycle};
use store::{EndpointDirectory, Live, Store};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::Config;
use crate::directory::Directory;
use crate::dispatcher::Dispatcher;
use crate::egress::{Egress, EgressError};
use crate::gate::{Gates, Limits};
use crate::lane::{Crew, Lane};
use crate::memory::Memory;
use crate::metrics::{Breakers, Metrics};
use crate::notices::Notices;
use crate::outbox::Outbox;
use crate::pace::Pace;
use crate::payloads::Payloads;
use crate::progress::{self, Progress};
use crate::reports::Reports;
use crate::request::Requests;
use crate::room::Room;

/// Why the dispatcher can't run. A person has to act.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The egress can't be built as configured.
    #[error("deliveries can't be sent as configured")]
    Egress(#[from] EgressError),
}

/// What the dispatcher works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where deliveries come from, and what follows them goes.
    pub broker: Broker,
    /// The record: asked for large payloads, and whether an attempt was settled.
    pub store: Store,
    /// The endpoints.
    pub endpoints: Live<EndpointDirectory>,
    /// How many queues each lane has.
    pub shards: Shards,
}

/// Makes deliveries until `life` is to stop and what was in flight is settled.
///
/// A broker that is away is waited for, and the role is not ready meanwhile. While Postgres is away
/// it goes on with what it knows.
///
/// # Errors
/// Before anything is consumed: see [`RunError`].
pub async fn run(
    config: Config,
    parts: Parts,
    life: Lifecycle,
    health: Health,
) -> Result<(), RunError> {
    let egress = Egress::new(&config)?;
    let publisher = parts.broker.publisher("dispatcher");
    let (reports, batcher) = Reports::new(publisher.clone(), life.abort().clone());
    let batcher = tokio::spawn(batcher);
    let notices = Notices::new(DispatcherId::from_uuid(Uuid::now_v7()));
    let done = CancellationToken::new();
    let abort = life.abort().clone();
    let telling = Arc::clone(&notices).publish(publisher.clone(), done.clone(), abort);
    let telling = tokio::spawn(telling);
    let gates = gates(&config, &parts, notices, life.stop());
    let dispatcher = Arc::new(assemble(
        &config, &parts, egress, &publisher, reports, gates, &life,
    ));
    let crew = Crew {
        dispatcher,
        tasks: TaskTracker::new(),
        abort: life.abort().clone(),
    };
    let items = crew.tasks.clone();
    let lanes = TaskTracker::new();
    let mut told = Vec::new();
    for (lane, consumer) in consumers(&config, &parts, life.stop()) {
        let latch = health.latch(consumer.queue());
        let progress = Progress::of(consumer.queue());
        told.push(Arc::clone(&progress));
        lanes.spawn(crew.clone().work_off(lane, consumer, progress, latch));
    }
    lanes.spawn(progress::tell(told, publisher, life.stop().clone()));
    drop(crew);

    // First nothing new, then what is in flight, then its reports, which end with the last sender.
    lanes.close();
    lanes.wait().await;
    items.close();
    items.wait().await;
    if batcher.await.is_err() {
        tracing::error!("the batcher of the reports panicked");
    }
    done.cancel();
    if telling.await.is_err() {
        tracing::error!("the teller of breakers panicked");
    }
    Ok(())
}

/// The gates. Each dispatcher consumes each fresh lane once, so the consumers of any one of them
/// tell how many share the rate limits.
fn gates(
    config: &Config,
    parts: &Parts,
    notices: Arc<Notices>,
    stop: &CancellationToken,
) -> Arc<Gates> {
    let limits = Limits {
        endpoint: config.endpoint_in_flight,
        host: config.host_in_flight,
        tenant: config.tenant_in_flight,
        breaker: config.breaker.rules(),
    };
    let first = parts.shards.all().next();
    let lane = queue::dispatch_fresh(first.expect("there is at least one shard"));
    let dispatchers = parts.broker.consumers_of(lane, stop.clone());
    Gates::new(limits, dispatchers, notices, Breakers::new())
}

fn assemble(
    config: &Config,
    parts: &Parts,
    egress: Egress,
    publisher: &Publisher,
    reports: Reports,
    gates: Arc<Gates>,
    life: &Lifecycle,
) -> Dispatcher {
    let cache_bytes = u64::from(config.payload_cache_mib) << 20;
    let seats = usize::try_from(config.in_flight).unwrap_or(usize::MAX);
    let courtesy = Courtesy::new(Share::percent(config.bulk_share));
    Dispatcher {
        directory: Directory::new(parts.endpoints.clone()),
        payloads: Payloads::new(parts.store.clone(), cache_bytes),
        record: parts.store.clone(),
        memory: Memory::new(),
        gates,
        room: Room::new(seats),
        pace: Pace::new(courtesy, Handle::current().metrics().num_workers()),
        requests: Requests {
            user_agent: config.user_agent.clone(),
            traceparent: config.traceparent,
        },
        egress,
        outbox: Outbox::new(publisher.clone(), parts.shards, life.abort().clone()),
        reports,
        metrics: Metrics::new(),
    }
}

/// Three lanes for each shard, and the quarantine.
fn consumers(config: &Config, parts: &Parts, stop: &CancellationToken) -> Vec<(Lane, Consumer)> {
    let consumer = |lane, queue: String, prefetch| {
        let options = ConsumerOptions {
            name: "dispatcher".to_owned(),
            queue,
            prefetch,
        };
        (lane, parts.broker.consumer(options, stop.clone()))
    };
    let mut consumers = Vec::new();
    for shard in parts.shards.all() {
        for (lane, queue, prefetch) in [
            (
                Lane::Fresh,
                queue::dispatch_fresh(shard),
                config.fresh_prefetch,
            ),
            (
                Lane::Retry,
                queue::dispatch_retry(shard),
                config.retry_prefetch,
            ),
            (
                Lane::Bulk,
                queue::dispatch_bulk(shard),
                config.bulk_prefetch,
            ),
        ] {
            consumers.push(consumer(lane, queue, prefetch));
        }
    }
    let quarantine = queue::quarantine(queue::Lane::Dispatch);
    consumers.push(consumer(Lane::Quarantine, quarantine, 1));
    consumers
}
