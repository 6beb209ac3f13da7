//! The role's life: from its parts to the last answer.

use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use domain::address::AddressPolicy;
use domain::shard::Shards;
use service::{Health, Lifecycle, Readiness, server};
use store::{AccessDirectory, Live, Store};
use tokio::net::TcpListener;
use url::Url;

use crate::api::{Api, router};
use crate::config::Config;
use crate::dashboard::{Dashboard, sweep};
use crate::metrics::Metrics;
use crate::oidc::Provider;
use crate::release::Release;
use crate::replay::Engine;
use crate::resources::events::streams::Streams;

/// How often readiness is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What the console works with.
#[derive(Debug)]
pub struct Parts {
    /// Where replays and released deliveries go.
    pub broker: Broker,
    /// The record.
    pub store: Store,
    /// The API keys and tenants.
    pub access: Live<AccessDirectory>,
    /// How many queues each lane has.
    pub shards: Shards,
    /// Where requests come in.
    pub listener: TcpListener,
    /// Where endpoints may be; the same rule as the dispatchers'.
    pub addresses: AddressPolicy,
    /// Whom people sign in by, where not by keys alone.
    pub provider: Option<Provider>,
}

/// Serves until `life` is to stop and the requests under way are answered.
///
/// A broker or a Postgres that is away is waited for: the role is ready while it has a snapshot of
/// the keys.
pub async fn run(config: Config, parts: Parts, life: Lifecycle, health: Health) {
    let latch = health.latch("console");
    let public_url = config
        .public_url
        .unwrap_or_else(|| own_url(&parts.listener));
    let publisher = parts.broker.publisher("console");
    let metrics = Metrics::new();
    let release = Release {
        store: parts.store.clone(),
        publisher: publisher.clone(),
        shards: parts.shards,
        rate: config.release_rate,
        released: metrics.released.clone(),
    };
    let engine = Engine {
        store: parts.store.clone(),
        publisher: publisher.clone(),
        shards: parts.shards,
        life: life.clone(),
        metrics,
    };
    let (access, swept) = (parts.access.clone(), parts.store.clone());
    let api = Api {
        store: parts.store,
        access: parts.access,
        publisher,
        shards: parts.shards,
        addresses: Arc::new(parts.addresses),
        egress_ips: config.egress_ips.into(),
        dashboard: Arc::new(Dashboard::new(
            public_url,
            &config.frame_ancestors,
            parts.provider,
            config.trace_url,
        )),
        streams: Streams::new(life.stop().clone()),
    };
    let watch = async {
        let mut look = tokio::time::interval(LOOK);
        while life.stop().run_until_cancelled(look.tick()).await.is_some() {
            let ready = access.is_loaded();
            latch.set(if ready {
                Readiness::Ready
            } else {
                Readiness::NotReady
            });
        }
        latch.set(Readiness::NotReady);
    };
    tokio::join!(
        server::serve(parts.listener, router(api), life.clone()),
        release.run(life.stop().clone()),
        engine.run(),
        sweep(swept, life.stop().clone()),
        watch,
    );
}

/// Where the console listens, as a browser on this machine finds it.
fn own_url(listener: &TcpListener) -> Url {
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    format!("http://{address}/")
        .parse()
        .expect("an address and a port are a host")
}
