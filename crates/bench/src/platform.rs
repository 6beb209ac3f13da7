//! The load: a tenant with endpoints, and events as fast as they are accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::Cluster;

/// A platform that publishes to a running Posthaste.
#[derive(Clone)]
pub(crate) struct Platform {
    http: reqwest::Client,
    ingest_url: String,
    console_url: String,
    key: String,
}

/// What the load did.
pub(crate) struct Load {
    /// How long it took until the last event was accepted.
    pub(crate) took: Duration,
    /// How long each answer took, sorted.
    pub(crate) answers: Vec<Duration>,
}

/// A client that may have as many connections as there are publishers.
pub(crate) fn http() -> anyhow::Result<reqwest::Client> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the load's own client: it sends to this machine alone"
    )]
    let builder = reqwest::Client::builder();
    Ok(builder.timeout(Duration::from_secs(60)).build()?)
}

impl Platform {
    pub(crate) fn new(cluster: &Cluster, http: reqwest::Client) -> Self {
        Self {
            http,
            ingest_url: cluster.ingest_url(),
            console_url: cluster.console_url(),
            key: cluster.key().to_owned(),
        }
    }

    /// Makes a tenant with so many endpoints at the receiver, all subscribed to everything.
    pub(crate) async fn tenant(
        &self,
        name: &str,
        endpoints: usize,
        receiver: &str,
        retry: &[u64],
    ) -> anyhow::Result<()> {
        self.make("/v1/tenants", &json!({"name": name, "external_id": name}))
            .await?;
        let path = format!("/v1/tenants/{name}/endpoints");
        for number in 0..endpoints {
            let url = format!("{receiver}/{name}/{number}");
            let endpoint = json!({"url": url, "event_types": ["*"], "retry_waits_s": retry});
            self.make(&path, &endpoint).await?;
        }
        Ok(())
    }

    async fn make(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.console_url);
        let answer = self
            .http
            .post(url)
            .bearer_auth(&self.key)
            .json(body)
            .send()
            .await?;
        let status = answer.status();
        ensure!(
            status.is_success(),
            "{path}: {status} {}",
            answer.text().await?
        );
        Ok(())
    }

    /// Publishes `events` events of about `bytes` of payload, `publishers` at a time, each as soon
    /// as its last was answered (a closed loop).
    pub(crate) async fn publish(
        &self,
        tenant: &str,
        events: usize,
        bytes: usize,
        publishers: usize,
    ) -> anyhow::Result<Load> {
        let body = event(tenant, bytes);
        let left = Arc::new(AtomicUsize::new(events));
        let began = Instant::now();
        let publishers: Vec<_> = (0..publishers)
            .map(|_| {
                let (platform, body, left) = (self.clone(), body.clone(), Arc::clone(&left));
                tokio::spawn(async move { platform.publish_while(&body, &left).await })
            })
            .collect();
        let mut answers = Vec::with_capacity(events);
        for publisher in publishers {
            answers.extend(publisher.await.context("a publisher panicked")??);
        }
        let took = began.elapsed();
        answers.sort_unstable();
        Ok(Load { took, answers })
    }

    async fn publish_while(&self, body: &str, left: &AtomicUsize) -> anyhow::Result<Vec<Duration>> {
        let take = |left: usize| left.checked_sub(1);
        let url = format!("{}/v1/events", self.ingest_url);
        let mut answers = Vec::new();
        while left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
        {
            let began = Instant::now();
            let request = self.http.post(&url).bearer_auth(&self.key);
            let request = request.header("content-type", "application/json");
            let answer = request.body(body.to_owned()).send().await?;
            let status = answer.status();
            ensure!(status.as_u16() == 202, "{status}: {}", answer.text().await?);
            answer.bytes().await?;
            answers.push(began.elapsed());
        }
        Ok(answers)
    }
}

fn event(tenant: &str, bytes: usize) -> String {
    let filler = "x".repeat(bytes.saturating_sub(r#"{"id":"ship_123","note":""}"#.len()));
    format!(
        r#"{{"tenant":"{tenant}","event":"shipment.created","data":{{"id":"ship_123","note":"{filler}"}}}}"#
    )
}
