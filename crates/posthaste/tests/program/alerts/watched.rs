//! A live stack of its own, and a Prometheus that watches it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sandbox::Servers;
use serde_json::json;
use testkit::cluster::Role;
use testkit::{Cluster, Prometheus, Stack, eventually, server_options};
use tokio::task::JoinSet;

use super::hurry::hurry;
use crate::support::PROGRAM;

/// How long an alert may take to fire.
const DEADLINE: Duration = Duration::from_secs(150);

/// The rules that are watched by.
const RULES: &str = "../../deploy/prometheus/posthaste.rules.yml";

pub(super) struct Watched {
    pub(super) cluster: Cluster,
    pub(super) stack: Stack,
    _servers: Servers,
    prometheus: Prometheus,
}

impl Watched {
    /// Every role, watched and at rest; none where there is no Prometheus.
    pub(super) async fn start() -> Option<Self> {
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join(RULES);
        let rules = fs::read_to_string(rules).unwrap();
        let prometheus = Prometheus::start(&hurry(&rules)).await?;
        let servers = Servers::start(server_options())
            .await
            .expect("private servers start");
        let stack = Stack::on(servers.access()).await;
        let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
        for role in Role::ALL {
            cluster.launch(role);
        }
        for role in Role::ALL {
            cluster.ready(role).await;
        }
        let watched = Self {
            cluster,
            stack,
            _servers: servers,
            prometheus,
        };
        watched.watch(&Role::ALL);
        watched.is("sum(up) == 5").await;
        Some(watched)
    }

    /// Watches these roles from now on; to be called when one was started again.
    pub(super) fn watch(&self, roles: &[Role]) {
        let targets: Vec<_> = roles
            .iter()
            .map(|role| {
                let job = format!("posthaste-{}", role.name());
                (job, self.cluster.ops_address(*role))
            })
            .collect();
        self.prometheus.scrape(&targets);
    }

    /// Waits until a query finds something.
    pub(super) async fn is(&self, query: &str) {
        eventually(DEADLINE, query, async || {
            let found = self.prometheus.series(query).await;
            if found.is_empty() { Err(found) } else { Ok(()) }
        })
        .await;
    }

    /// Waits until none of these alerts fires: on a busy machine there are delays without a fault.
    pub(super) async fn quiet(&self, alerts: &[&str]) {
        eventually(DEADLINE, &format!("{alerts:?} not to fire"), async || {
            let firing = self.prometheus.firing().await;
            alerts.iter().all(|alert| !firing.contains(*alert))
        })
        .await;
    }

    /// Commits a fault again and again until these alerts fire, which did not before.
    pub(super) async fn fire(&self, alerts: &[&str], fault: impl AsyncFn()) {
        self.quiet(alerts).await;
        eventually(DEADLINE, &format!("{alerts:?} to fire"), async || {
            fault().await;
            let firing = self.prometheus.firing().await;
            if alerts.iter().all(|alert| firing.contains(*alert)) {
                Ok(())
            } else {
                let made = self.prometheus.series("posthaste_attempts_total > 0").await;
                Err(format!("{firing:?}; attempts: {made:?}"))
            }
        })
        .await;
    }

    /// Waits until no alert fires at all.
    pub(super) async fn at_rest(&self) {
        eventually(DEADLINE, "no alert to fire", async || {
            let firing = self.prometheus.firing().await;
            if firing.is_empty() {
                Ok(())
            } else {
                Err(firing)
            }
        })
        .await;
    }

    /// Makes a tenant with endpoints of these URLs, which retry only after an hour.
    pub(super) async fn tenant(&self, name: &str, urls: impl IntoIterator<Item = String>) {
        let tenant = json!({"name": name, "external_id": name});
        self.cluster.make("/v1/tenants", &tenant).await;
        let path = format!("/v1/tenants/{name}/endpoints");
        for url in urls {
            let endpoint = json!({"url": url, "retry_waits_s": [3_600], "timeout_s": 1});
            self.cluster.make(&path, &endpoint).await;
        }
    }

    /// Publishes so many events of a tenant at once; whether they are accepted doesn't matter here.
    pub(super) async fn publish(&self, tenant: &str, events: usize) {
        let body = json!({"tenant": tenant, "event": "shipment.created", "data": {}}).to_string();
        let publisher = Arc::new(crate::support::Caller {
            url: self.cluster.ingest_url(),
            key: self.cluster.key().to_owned(),
        });
        let mut published = JoinSet::new();
        for _ in 0..events {
            let (publisher, body) = (Arc::clone(&publisher), body.clone());
            published.spawn(async move {
                let sent = publisher.send(http::Method::POST, "/v1/events", &[], body);
                sent.await;
            });
        }
        published.join_all().await;
    }
}
