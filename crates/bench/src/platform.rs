//! The load: a platform with tenants and endpoints that publishes as fast as its events are accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::Cluster;
use tokio::task::JoinSet;

/// What is published where the type doesn't matter.
const EVENT_TYPE: &str = "shipment.created";

/// Events in a batch request.
const BATCH: usize = 100;

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
        self.empty_tenant(name).await?;
        for number in 0..endpoints {
            let url = format!("{receiver}/{name}/{number}");
            self.endpoint(name, &url, "*", Some(retry)).await?;
        }
        Ok(())
    }

    /// Makes a tenant without endpoints.
    pub(crate) async fn empty_tenant(&self, name: &str) -> anyhow::Result<()> {
        let tenant = json!({"name": name, "external_id": name});
        self.call("/v1/tenants", &tenant).await?;
        Ok(())
    }

    /// Makes an endpoint that selects events of one type; without waits of its own it has the
    /// platform's retry policy. Gives its id.
    pub(crate) async fn endpoint(
        &self,
        tenant: &str,
        url: &str,
        event_type: &str,
        retry: Option<&[u64]>,
    ) -> anyhow::Result<String> {
        let mut endpoint = json!({"url": url, "event_types": [event_type]});
        if let Some(waits) = retry {
            endpoint["retry_waits_s"] = json!(waits);
        }
        let path = format!("/v1/tenants/{tenant}/endpoints");
        let made = self.call(&path, &endpoint).await?;
        let id = made["id"].as_str().context("an endpoint has an id")?;
        Ok(id.to_owned())
    }

    /// Posts to the management API, and returns what it answered.
    pub(crate) async fn call(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.console_url));
        self.answer(path, request.json(body)).await
    }

    /// Gets from the management API.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.console_url));
        self.answer(path, request).await
    }

    async fn answer(&self, path: &str, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.bearer_auth(&self.key).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
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
        let body = event(tenant, EVENT_TYPE, bytes);
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
        let mut answers = Vec::new();
        while take(left, 1) == 1 {
            let began = Instant::now();
            self.accepted("/v1/events", body.to_owned()).await?;
            answers.push(began.elapsed());
        }
        Ok(answers)
    }

    /// Publishes so many events in full batches, `publishers` at a time, as fast as they are
    /// accepted. Gives how long that took.
    pub(crate) async fn flood(
        &self,
        tenant: &str,
        events: usize,
        bytes: usize,
        publishers: usize,
    ) -> anyhow::Result<Duration> {
        let one = event(tenant, EVENT_TYPE, bytes);
        let left = Arc::new(AtomicUsize::new(events));
        let began = Instant::now();
        let publishers: Vec<_> = (0..publishers)
            .map(|_| {
                let (platform, one, left) = (self.clone(), one.clone(), Arc::clone(&left));
                tokio::spawn(async move { platform.flood_while(&one, &left).await })
            })
            .collect();
        for publisher in publishers {
            publisher.await.context("a publisher panicked")??;
        }
        Ok(began.elapsed())
    }

    async fn flood_while(&self, one: &str, left: &AtomicUsize) -> anyhow::Result<()> {
        loop {
            let count = take(left, BATCH);
            if count == 0 {
                return Ok(());
            }
            let batch = vec![one; count].join(",");
            self.accepted("/v1/events/batch", format!("[{batch}]"))
                .await?;
        }
    }

    /// Publishes `per_second` events a second for so long, each at its time whether or not those
    /// before it were answered (an open loop), of the types in turn.
    ///
    /// # Errors
    /// When one was not accepted.
    pub(crate) async fn steady(
        &self,
        tenant: &str,
        event_types: &[String],
        per_second: u32,
        lasting: Duration,
    ) -> anyhow::Result<()> {
        let began = tokio::time::Instant::now();
        let mut published = JoinSet::new();
        for (number, event_type) in (0u32..).zip(event_types.iter().cycle()) {
            let due = Duration::from_secs(1) * number / per_second;
            if due >= lasting {
                break;
            }
            tokio::time::sleep_until(began + due).await;
            let (platform, body) = (self.clone(), event(tenant, event_type, 1024));
            published.spawn(async move { platform.accepted("/v1/events", body).await });
            while let Some(done) = published.try_join_next() {
                done.context("a publisher panicked")??;
            }
        }
        while let Some(done) = published.join_next().await {
            done.context("a publisher panicked")??;
        }
        Ok(())
    }

    async fn accepted(&self, path: &str, body: String) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.ingest_url);
        let request = self.http.post(&url).bearer_auth(&self.key);
        let request = request.header("content-type", "application/json");
        let answer = request.body(body).send().await?;
        let status = answer.status();
        ensure!(status.as_u16() == 202, "{status}: {}", answer.text().await?);
        answer.bytes().await?;
        Ok(())
    }
}

/// Takes up to `most` of what is left; gives how many.
fn take(left: &AtomicUsize, most: usize) -> usize {
    let rest = |left: usize| Some(left.saturating_sub(most));
    let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
    before.unwrap_or_default().min(most)
}

fn event(tenant: &str, event_type: &str, bytes: usize) -> String {
    let filler = "x".repeat(bytes.saturating_sub(r#"{"id":"ship_123","note":""}"#.len()));
    format!(
        r#"{{"tenant":"{tenant}","event":"{event_type}","data":{{"id":"ship_123","note":"{filler}"}}}}"#
    )
}
