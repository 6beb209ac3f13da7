//! Receivers that behave as badly as they can, through the whole program: what is stored, shown and
//! logged of them, and that neither their neighbour nor the dispatcher's memory suffers.
//!
//! What each kind of answer is taken for in every detail is tested at the egress of `dispatcher`.

use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::raw::Receiver;
use testkit::{Browser, Cluster, Respond, Stack, eventually};

use crate::support::PROGRAM;
use behaviour::{Behaviour, COOKIE, Expected, SCRIPT, all};

mod behaviour;

const SOON: Duration = Duration::from_secs(90);

/// Events that every receiver is sent: so many attempts are made at once.
const EVENTS: usize = 4;

/// How much the dispatcher's memory may grow by all of it. Each answer is kept to 16 KiB; one head
/// of 10 MB, read into memory for each attempt alone, would be more than this.
const GROWTH_BYTES: u64 = 128 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_receivers_are_recorded_shown_and_logged_without_harm() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let canary = behaviour::canary().await;
    let mut rows = Vec::new();
    for behaviour in Box::pin(all(&canary)).await {
        rows.push(Row::start(&cluster, behaviour).await);
    }
    let comes_back = comes_back(&cluster).await;
    let neighbour = testkit::Receiver::start([Respond::ok()]).await;
    let id = endpoint(&cluster, &neighbour.url(), 15).await;

    let before = cluster.usage(Role::Dispatcher).peak_bytes;
    for _ in 0..EVENTS {
        publish(&cluster).await;
    }
    neighbour.wait_for(EVENTS, SOON).await;
    assert_eq!(settled(&cluster, &id).await.len(), EVENTS);
    for row in &rows {
        row.is_recorded(&cluster).await;
    }
    for delivery in settled(&cluster, &comes_back).await {
        assert_eq!(delivery["last_status"], 508, "{delivery}");
    }
    let known = cluster
        .call(Method::GET, "/v1/tenants/acme/events", None)
        .await;
    assert_eq!(
        known.json()["data"].as_array().unwrap().len(),
        EVENTS,
        "no delivery is an event"
    );
    let grown = cluster.usage(Role::Dispatcher).peak_bytes - before;
    assert!(grown < GROWTH_BYTES, "{grown} bytes");
    assert_eq!(canary.connections(), 0, "no redirect was followed");

    nowhere_in_the_database(&stack, COOKIE).await;
    nothing_foreign_is_logged(&cluster);
    let row = rows.iter().find(|row| row.name == "scripts");
    shown_inert(
        &cluster,
        &settled(&cluster, &row.unwrap().endpoint).await[0],
    )
    .await;
}

/// A receiver that has been registered.
struct Row {
    name: &'static str,
    expected: Expected,
    endpoint: String,
    _receiver: Receiver,
}

impl Row {
    async fn start(cluster: &Cluster, behaviour: Behaviour) -> Self {
        let Behaviour {
            name,
            expected,
            scheme,
            receiver,
        } = behaviour;
        let url = format!("{scheme}://{}/webhooks", receiver.address());
        Self {
            name,
            expected,
            endpoint: endpoint(cluster, &url, 2).await,
            _receiver: receiver,
        }
    }

    /// Every delivery has the attempt that is expected, and waits for the next where it failed.
    async fn is_recorded(&self, cluster: &Cluster) {
        let Self { name, expected, .. } = self;
        let deliveries = settled(cluster, &self.endpoint).await;
        assert_eq!(deliveries.len(), EVENTS, "{name}");
        for delivery in deliveries {
            let path = format!(
                "/v1/tenants/acme/deliveries/{}",
                delivery["id"].as_str().unwrap()
            );
            let delivery = cluster.call(Method::GET, &path, None).await.json();
            let state = if expected.outcome == "delivered" {
                "delivered"
            } else {
                "waiting"
            };
            assert_eq!(delivery["state"], state, "{name}: {delivery}");
            let attempt = &delivery["attempts"][0];
            assert_eq!(attempt["outcome"], expected.outcome, "{name}: {attempt}");
            assert_eq!(
                attempt["status"],
                json!(expected.status),
                "{name}: {attempt}"
            );
            assert_eq!(attempt["answer"], expected.answer, "{name}");
            assert_eq!(attempt["answer_truncated"], expected.is_truncated, "{name}");
        }
    }
}

async fn endpoint(cluster: &Cluster, url: &str, timeout_s: u64) -> String {
    let endpoint = json!({"url": url, "timeout_s": timeout_s, "retry_waits_s": [3600]});
    let made = cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn publish(cluster: &Cluster) {
    let event = r#"{"tenant":"acme","event":"shipment.created","data":{}}"#;
    let accepted = cluster.publish(event).await.unwrap();
    assert_eq!(accepted.status, 202, "{accepted:?}");
}

/// An endpoint that publishes what it is sent: in a form that ingest takes, with a key of its own.
async fn comes_back(cluster: &Cluster) -> String {
    let authorization = format!("Bearer {}", cluster.key());
    let endpoint = json!({"url": format!("{}/v1/events", cluster.ingest_url()),
        "format": "cloudevents", "headers": {"authorization": authorization},
        "retry_waits_s": [3600]});
    let made = cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    made["id"].as_str().unwrap().to_owned()
}

/// The deliveries of an endpoint, once each was attempted.
async fn settled(cluster: &Cluster, endpoint: &str) -> Vec<Value> {
    let path = format!("/v1/tenants/acme/deliveries?endpoint={endpoint}");
    eventually(SOON, "every delivery was attempted", async || {
        let listed = cluster.call(Method::GET, &path, None).await.json();
        let listed = listed["data"].as_array().unwrap().clone();
        let attempted = listed.iter().filter(|one| one["last_outcome"].is_string());
        let attempted = attempted.count();
        if attempted == EVENTS {
            Ok(listed)
        } else {
            Err(attempted)
        }
    })
    .await
}

/// Whatever table it would be in, as text or as bytes.
async fn nowhere_in_the_database(stack: &Stack, text: &str) {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    stack
        .execute(&format!(
            "do $$
             declare one record; has boolean;
             begin
               for one in select schemaname, tablename from pg_tables
                          where schemaname not in ('pg_catalog', 'information_schema') loop
                 execute format('select exists (select from %I.%I t where t::text ~ %L)',
                                one.schemaname, one.tablename, '{text}|{hex}') into has;
                 if has then raise exception '% holds it', one.tablename; end if;
               end loop;
             end $$"
        ))
        .await;
}

/// No answer is logged, and no byte that a terminal would take for an order.
fn nothing_foreign_is_logged(cluster: &Cluster) {
    for role in Role::ALL {
        for line in cluster.logged(role, "") {
            let is_foreign = line.contains(SCRIPT) || line.contains(COOKIE);
            assert!(!is_foreign, "{}: {line}", role.name());
            assert!(
                !line.contains(char::is_control),
                "{}: {line:?}",
                role.name()
            );
        }
    }
    let lines = cluster.logged(Role::Dispatcher, "attempt finished");
    let told = |what: &str| lines.iter().any(|line| line.contains(what));
    for failure in [
        "response_timeout",
        "protocol_error",
        "tls_certificate_untrusted",
    ] {
        assert!(told(failure), "{failure} is not logged");
    }
}

/// The answer stands on the page as text, and none of it ran.
async fn shown_inert(cluster: &Cluster, delivery: &Value) {
    let link = "/v1/tenants/acme/portal-links";
    let link = cluster.make(link, &json!({})).await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.open(link["url"].as_str().unwrap()).await;
    browser.text_with("Webhooks").await;
    let tenant = cluster
        .call(Method::GET, "/v1/tenants/acme", None)
        .await
        .json();
    let (tenant, id) = (
        tenant["id"].as_str().unwrap(),
        delivery["id"].as_str().unwrap(),
    );
    let page = format!("{}/tenants/{tenant}/deliveries/{id}", cluster.console_url());
    browser.open(&page).await;
    browser.text_with(SCRIPT).await;
    let ran = browser
        .run("return window.ran ?? document.querySelector('main img')")
        .await;
    assert_eq!(ran, Value::Null);
}
