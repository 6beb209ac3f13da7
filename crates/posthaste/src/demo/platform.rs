//! The demonstration's platform: a tenant, its endpoints, and what it publishes.

use anyhow::Context;
use reqwest::Method;
use serde_json::json;
use signature::Secret;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, Server, answer};
use crate::cmd::listen::{Arrival, Manners, receive};
use crate::up::Running;

/// The tenant's name and external id.
const TENANT: &str = "demo";

/// A platform with one tenant.
pub(super) struct Platform {
    client: Client,
    stop: CancellationToken,
}

/// A receiver that is subscribed to one event type.
pub(super) struct Subscriber {
    /// What it got.
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    /// Where it listens.
    pub(super) url: String,
}

impl Platform {
    /// A platform at what has just been started.
    pub(super) fn new(running: &Running) -> anyhow::Result<Self> {
        let client = Client::new(Server {
            ingest_url: running.ingest_url.clone(),
            console_url: running.console_url.clone(),
            key: running.key()?.clone(),
        })?;
        Ok(Self {
            client,
            stop: running.stopping(),
        })
    }

    /// Makes the tenant.
    pub(super) async fn make_tenant(&self) -> anyhow::Result<()> {
        let tenant = json!({"name": "Demo", "external_id": TENANT});
        answer(
            self.client
                .console(Method::POST, "/v1/tenants")
                .json(&tenant),
        )
        .await
        .context("the tenant was not made")?;
        Ok(())
    }

    /// A link to the tenant's part of the dashboard, which can be opened for an hour.
    pub(super) async fn portal_link(&self) -> anyhow::Result<String> {
        let path = format!("/v1/tenants/{TENANT}/portal-links");
        let lasts = json!({"expires_in_s": 3_600});
        let made = answer(self.client.console(Method::POST, &path).json(&lasts))
            .await
            .context("the link was not made")?;
        let url = made["url"].as_str().context("the answer shows no link")?;
        Ok(url.to_owned())
    }

    /// Starts a receiver, registers it for one event type, and gives it its secret.
    pub(super) async fn subscribe(
        &self,
        event_type: &str,
        retry_waits_s: &[u64],
        manners: Manners,
    ) -> anyhow::Result<Subscriber> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/webhooks", listener.local_addr()?);
        let endpoint = json!({
            "url": url,
            "event_types": [event_type],
            "retry_waits_s": retry_waits_s,
        });
        let path = format!("/v1/tenants/{TENANT}/endpoints");
        let made = answer(self.client.console(Method::POST, &path).json(&endpoint))
            .await
            .context("the endpoint was not registered")?;
        let secret = made["secret"]
            .as_str()
            .context("the answer shows no secret")?;
        let secret = Secret::parse(secret)?;
        let arrivals = receive(listener, vec![secret], manners, self.stop.clone());
        Ok(Subscriber { arrivals, url })
    }

    /// Publishes an event and returns its id.
    pub(super) async fn publish(&self, event_type: &str, data: &str) -> anyhow::Result<String> {
        // Written by hand: the payload's bytes are the publisher's.
        let body = format!(r#"{{"tenant":"{TENANT}","event":"{event_type}","data":{data}}}"#);
        let request = self
            .client
            .ingest(Method::POST, "/v1/events")
            .header("content-type", "application/json")
            .body(body);
        let accepted = answer(request)
            .await
            .context("the event was not accepted")?;
        Ok(accepted["id"]
            .as_str()
            .context("the answer names no event id")?
            .to_owned())
    }
}
