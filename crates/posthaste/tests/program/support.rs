//! What the tests of the whole program share: who publishes and who receives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use http::Method;
use http_body_util::Full;
use reqwest::Client;
use serde_json::Value;
use testkit::{Cluster, Fetched, eventually, fetch};
use tokio::net::TcpListener;

/// The real program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_posthaste");

/// How long an event may take to be accepted while services come and go.
const ACCEPTANCE: Duration = Duration::from_secs(90);

/// What a receiver got: the payloads by `webhook-id`.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<HashMap<String, Vec<Vec<u8>>>>);

impl Ledger {
    /// Whether this event has arrived.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap().contains_key(id)
    }

    /// Everything so far.
    pub(crate) fn arrived(&self) -> HashMap<String, Vec<Vec<u8>>> {
        self.0.lock().unwrap().clone()
    }
}

/// Serves a receiver that answers 200, and returns its URL.
pub(crate) async fn receive(ledger: Arc<Ledger>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
    let app = Router::new().fallback(arrive).with_state(ledger);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn arrive(State(ledger): State<Arc<Ledger>>, headers: HeaderMap, body: Bytes) {
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    let data = payload(&body).to_vec();
    ledger.0.lock().unwrap().entry(id).or_default().push(data);
}

/// The payload's bytes in a body of the `guide` format.
pub(crate) fn payload(body: &[u8]) -> &[u8] {
    let find = |what: &[u8]| body.windows(what.len()).position(|window| window == what);
    let begin = find(br#","data":"#).expect("the body has data") + br#","data":"#.len();
    let tail = br#","timestamp":""#;
    let end = body.windows(tail.len()).rposition(|window| window == tail);
    &body[begin..end.expect("the body has a timestamp")]
}

/// Publishes over HTTP, with connections that are kept.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    http: Client,
    url: String,
    key: String,
}

impl Publisher {
    /// One for this cluster.
    pub(crate) fn of(cluster: &Cluster) -> Self {
        // One provider for the process; only a second call could fail.
        let _ = rustls::crypto::ring::default_provider().install_default();
        #[expect(
            clippy::disallowed_methods,
            reason = "the test is a publisher, not an egress"
        )]
        let http = Client::builder()
            .timeout(Duration::from_secs(15))
            .build()
            .unwrap();
        let url = format!("{}/v1/events", cluster.ingest_url());
        Self {
            http,
            url,
            key: cluster.key().to_owned(),
        }
    }

    /// Publishes until it gets a 202, and returns the event's id.
    pub(crate) async fn publish_until_accepted(&self, tenant: &str, data: &str) -> String {
        let body = format!(r#"{{"tenant":"{tenant}","event":"shipment.created","data":{data}}}"#);
        eventually(ACCEPTANCE, "an event to be accepted", async || {
            let request = self.http.post(&self.url).bearer_auth(&self.key);
            let request = request.header("content-type", "application/json");
            let answer = request.body(body.clone()).send().await;
            let answer = answer.map_err(|error| error.to_string())?;
            let status = answer.status().as_u16();
            let answer: serde_json::Value =
                answer.json().await.map_err(|error| error.to_string())?;
            if status == 202 {
                Ok(answer["id"]
                    .as_str()
                    .expect("a 202 names the event")
                    .to_owned())
            } else {
                Err(format!("{status}: {answer}"))
            }
        })
        .await
    }
}

/// Calls one address with one key, and with whatever headers a test needs.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) url: String,
    pub(crate) key: String,
}

impl Caller {
    /// Sends a request; a body is JSON unless the headers say otherwise.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Fetched {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key));
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        fetch(request.body(Full::new(body.into())).unwrap())
            .await
            .unwrap()
    }

    /// Sends JSON without further headers.
    pub(crate) async fn json(&self, method: Method, path: &str, body: &Value) -> Fetched {
        self.send(method, path, &[], body.to_string()).await
    }

    /// Gets a path.
    pub(crate) async fn get(&self, path: &str) -> Fetched {
        self.send(Method::GET, path, &[], "").await
    }

    /// The same address with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self {
            url: self.url.clone(),
            key: key.to_owned(),
        }
    }
}
