//! Schemas through the real program: enforced, then a warning, over HTTP and from the inbox.

use std::path::Path;
use std::time::Duration;

use broker::topology::Route;
use broker::{Broker, Config, Outgoing};
use http::Method;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Fetched, Stack, eventually};

use crate::support::{PROGRAM, payload};

const DEADLINE: Duration = Duration::from_secs(60);

const GOOD: &str = r#"{ "id":"\u0061",	"weight":1.10 }"#;
const BAD: &str = r#"{"id":7,"weight":"hunter2"}"#;

fn event(data: &str) -> String {
    format!(r#"{{"tenant":"acme","event":"parcel.left","data":{data}}}"#)
}

async fn publish(cluster: &Cluster, data: &str) -> Fetched {
    cluster.publish(event(data)).await.expect("ingest answers")
}

/// Puts the event type, and waits until ingest has heard of it.
async fn put(cluster: &Cluster, mode: &str, bad_is: u16) {
    let body = json!({
        "description": "A parcel left.",
        "example": {"id": "a", "weight": 1},
        "schema": {
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "string"}, "weight": {"type": "number"}},
        },
        "schema_mode": mode,
    });
    let path = "/v1/event-types/parcel.left";
    let put = cluster.call(Method::PUT, path, Some(&body)).await;
    assert_eq!(put.status, 200, "{put:?}");
    eventually(DEADLINE, "ingest to follow", async || {
        let answer = publish(cluster, BAD).await;
        let status = answer.status.as_u16();
        (status == bad_is).then_some(()).ok_or(answer)
    })
    .await;
}

/// Publishes what must be accepted; gives its id and the payload that arrived.
async fn delivered(cluster: &Cluster, receiver: &Receiver, data: &str) -> (String, Vec<u8>) {
    let answer = publish(cluster, data).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    let request = eventually(DEADLINE, "the delivery", async || {
        let requests = receiver.requests();
        let mut arrived = requests.into_iter();
        arrived.find(|one| one.headers["webhook-id"] == *id)
    })
    .await;
    (id, payload(&request.body).to_vec())
}

async fn listed(cluster: &Cluster, path: &str) -> Value {
    let listed = cluster.call(Method::GET, path, None).await;
    listed.json()["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_enforced_and_then_warns() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;

    let endpoint = json!({"url": receiver.url(), "event_types": ["parcel.left"]});
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;

    put(&cluster, "enforce", 400).await;
    let refused = publish(&cluster, BAD).await.json();
    let errors = refused["errors"].as_array().expect("a list").iter();
    let named: Vec<_> = errors.map(|one| one["pointer"].clone()).collect();
    assert_eq!(named, ["#/data/id", "#/data/weight"], "{refused}");
    let (_, arrived) = delivered(&cluster, &receiver, GOOD).await;
    assert_eq!(arrived, GOOD.as_bytes());

    let broker = Broker::new(&Config::new(stack.amqp_url().into(), "test")).unwrap();
    let message = Outgoing::new(Route::inbox(), event(BAD), "", "application/json");
    broker.publisher("test").publish(message).await.unwrap();
    let letter = eventually(DEADLINE, "the rejected message", async || {
        let letters = listed(&cluster, "/v1/dead-letters").await;
        letters.get(0).cloned().ok_or(letters)
    })
    .await;
    assert_eq!(
        (&letter["kind"], &letter["reason"]),
        (&json!("rejected"), &json!("schema"))
    );
    let detail = letter["detail"].as_str().expect("a text");
    assert!(
        detail.contains("#/data/id") && !detail.contains("hunter2"),
        "{detail}"
    );

    put(&cluster, "warn", 202).await;
    let (id, arrived) = delivered(&cluster, &receiver, BAD).await;
    assert_eq!(arrived, BAD.as_bytes());
    let shown = cluster
        .call(Method::GET, &format!("/v1/tenants/acme/events/{id}"), None)
        .await
        .json();
    let errors = json!([
        {"pointer": "#/id", "detail": "type: should be string"},
        {"pointer": "#/weight", "detail": "type: should be number"},
    ]);
    assert_eq!(shown["schema_errors"], errors, "{shown}");

    let metrics = cluster.metrics(Role::Ingest).await;
    for verdict in ["ok", "warned", "refused"] {
        let label = format!("verdict=\"{verdict}\"");
        let counted = |line: &str| line.contains("schema_checked") && line.contains(&label);
        assert!(metrics.lines().any(counted), "no {verdict} in {metrics}");
    }
    for role in Role::ALL {
        assert!(!cluster.log_has(role, "hunter2"), "{} logs it", role.name());
    }
}
