//! The role's life: from its parts to the last confirm.

use std::io;
use std::time::Duration;

use broker::topology::{Lane, queue};
use broker::{Broker, ConsumerOptions, Publisher};
use domain::fairness::Share;
use domain::shard::Shards;
use service::{Courtesy, Health, Latch, Lifecycle, Readiness, Shares, server};
use store::{AccessDirectory, Live, SchemaDirectory};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::acceptor::Acceptor;
use crate::batcher::Starting;
use crate::config::Config;
use crate::http;
use crate::inbox::Inbox;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::schemas::Schemas;

/// How often readiness is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What ingest works with.
#[derive(Debug)]
pub struct Parts {
    /// Where inbox messages come from and events go.
    pub broker: Broker,
    /// The API keys and tenants.
    pub access: Live<AccessDirectory>,
    /// What event types ask of their payloads.
    pub schemas: Live<SchemaDirectory>,
    /// How many queues fan-out has.
    pub shards: Shards,
    /// Where requests come in.
    pub listener: TcpListener,
}

/// Accepts events until `life` is to stop, and every request and inbox message in hand is
/// answered.
///
/// A broker or a Postgres that is away is waited for: the role is ready while it is connected to
/// the broker and has a snapshot of the keys and the schemas.
///
/// # Errors
/// When the system has no threads to give.
pub async fn run(config: Config, parts: Parts, life: Lifecycle, health: Health) -> io::Result<()> {
    let latch = health.latch("ingest");
    let metrics = Metrics::new();
    let outlet = parts.broker.publisher("ingest");
    let courtesy = Courtesy::new(Share::percent(config.bulk_share));
    let batcher = Starting {
        outlet: &outlet,
        // A large message on its way must not be in the way of a small one.
        bulk_outlet: &parts.broker.publisher("ingest bulk"),
        shards: parts.shards,
        courtesy: &courtesy,
        life: &life,
        metrics: &metrics,
    };
    let acceptor = Acceptor {
        batcher: batcher.start(),
        shares: Shares::new(config.normal_per_second.get(), courtesy.clone()),
        access: parts.access,
        keys: Keys::new(),
        schemas: Schemas::start(parts.schemas, &metrics)?,
        metrics,
    };
    let inbox = Inbox {
        acceptor: acceptor.clone(),
        outlet: outlet.clone(),
        abort: life.abort().clone(),
    };
    let consume = |queue: String, prefetch| {
        let options = ConsumerOptions {
            name: queue.clone(),
            queue,
            prefetch,
        };
        parts.broker.consumer(options, life.stop().clone())
    };
    let fresh = || consume(queue::inbox(), config.inbox_prefetch.get());
    let quarantined = || consume(queue::quarantine(Lane::Inbox), 1);
    let app = http::router(acceptor.clone(), &config);
    tokio::join!(
        server::serve(parts.listener, app, life.clone()),
        inbox.clone().run(fresh, life.clone()),
        inbox.run(quarantined, life.clone()),
        watch(&outlet, &acceptor, &latch, life.stop()),
    );
    Ok(())
}

async fn watch(outlet: &Publisher, acceptor: &Acceptor, latch: &Latch, stop: &CancellationToken) {
    let mut look = tokio::time::interval(LOOK);
    while stop.run_until_cancelled(look.tick()).await.is_some() {
        let is_ready = outlet.is_connected() && acceptor.is_loaded();
        latch.set(if is_ready {
            Readiness::Ready
        } else {
            Readiness::NotReady
        });
    }
    latch.set(Readiness::NotReady);
}
