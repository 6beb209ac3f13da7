//! The load: a platform with tenants and endpoints that publishes as fast as its events are accepted.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::Cluster;
use time::OffsetDateTime;
use tokio::task::JoinSet;

use crate::load::{Load, closed, payload};

/// What is published where the type doesn't matter.
pub(crate) const EVENT_TYPE: &str = "shipment.created";

/// The payload of events at a steady rate, in bytes.
pub(crate) const PAYLOAD_BYTES: usize = 1024;

/// Events in a batch request.
pub(crate) const BATCH: usize = 100;

/// A platform that publishes to a running Posthaste.
#[derive(Clone)]
pub(crate) struct Platform {
    http: reqwest::Client,
    ingest_url: String,
    console_url: String,
    key: String,
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
        let body = event(tenant, EVENT_TYPE, bytes, None);
        let platform = self.clone();
        let send = move |_: usize| platform.clone().accepted("/v1/events", body.clone());
        closed(events, 1, publishers, send).await
    }

    /// Publishes so many events in full batches, `publishers` at a time, as fast as they are
    /// accepted.
    pub(crate) async fn flood(
        &self,
        tenant: &str,
        events: usize,
        bytes: usize,
        publishers: usize,
    ) -> anyhow::Result<Load> {
        let one = event(tenant, EVENT_TYPE, bytes, None);
        let platform = self.clone();
        let send = move |count: usize| {
            let batch = vec![one.as_str(); count].join(",");
            platform
                .clone()
                .accepted("/v1/events/batch", format!("[{batch}]"))
        };
        closed(events, BATCH, publishers, send).await
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
        let (began, now) = (tokio::time::Instant::now(), OffsetDateTime::now_utc());
        let mut published = JoinSet::new();
        for (number, event_type) in (0u32..).zip(event_types.iter().cycle()) {
            let due = Duration::from_secs(1) * number / per_second;
            if due >= lasting {
                break;
            }
            tokio::time::sleep_until(began + due).await;
            let body = event(tenant, event_type, PAYLOAD_BYTES, Some(now + due));
            published.spawn(self.clone().accepted("/v1/events", body));
            while let Some(done) = published.try_join_next() {
                done.context("a publisher panicked")??;
            }
        }
        while let Some(done) = published.join_next().await {
            done.context("a publisher panicked")??;
        }
        Ok(())
    }

    async fn accepted(self, path: &'static str, body: String) -> anyhow::Result<()> {
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

fn event(tenant: &str, event_type: &str, bytes: usize, sent: Option<OffsetDateTime>) -> String {
    let data = payload(bytes, sent);
    format!(r#"{{"tenant":"{tenant}","event":"{event_type}","data":{data}}}"#)
}
