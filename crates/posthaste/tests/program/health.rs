//! Endpoints that misbehave, through the real program: what is held and released, and what the
//! platform is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use signature::{Secret, guide};
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Request, Respond};
use testkit::{Cluster, Stack, eventually};

use crate::support::PROGRAM;

const DEADLINE: Duration = Duration::from_secs(60);

/// An endpoint of a tenant.
async fn endpoint(cluster: &Cluster, tenant: &str, body: &Value) -> Value {
    let path = format!("/v1/tenants/{tenant}/endpoints");
    cluster.make(&path, body).await
}

/// Publishes an event of acme's; gives its id.
async fn publish(cluster: &Cluster, event_type: &str) -> String {
    let event = format!(r#"{{"tenant":"acme","event":"{event_type}","data":{{}}}}"#);
    let answer = cluster.publish(event).await.expect("ingest answers");
    assert_eq!(answer.status, 202);
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn health(cluster: &Cluster, endpoint: &Value) -> Value {
    let id = endpoint["id"].as_str().unwrap();
    let path = format!("/v1/tenants/acme/endpoints/{id}");
    let answer = cluster.call(Method::GET, &path, None).await;
    answer.json()["health"].clone()
}

async fn acme(cluster: &Cluster) {
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
}

/// The bodies by their event types, once there is one of this type.
async fn told(receiver: &Receiver, event_type: &str) -> BTreeMap<String, Vec<Value>> {
    eventually(DEADLINE, "the platform to be told", async || {
        let mut told: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for Request { headers, body, .. } in receiver.requests() {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let id = headers["webhook-id"].to_str().unwrap().to_owned();
            let of_type = told.entry(body["event"].as_str().unwrap().to_owned());
            of_type.or_default().insert(id, body["data"].clone());
        }
        let events = told.contains_key(event_type);
        let values =
            |(name, bodies): (String, BTreeMap<_, Value>)| (name, bodies.into_values().collect());
        let told: BTreeMap<String, Vec<Value>> = told.into_iter().map(values).collect();
        if events { Ok(told) } else { Err(told) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_endpoints_is_told_to_the_platform() {
    let stack = Stack::new().await;
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    let rule = ["--failing-attempts", "2", "--failing-after", "0s"];
    cluster.arguments(Role::Recorder, &rule);
    for role in Role::ALL {
        cluster.launch(role);
    }
    for role in Role::ALL {
        cluster.ready(role).await;
    }
    let platform = Receiver::start([Respond::ok()]).await;
    let own = json!({"url": platform.url(), "event_types": ["endpoint.*", "delivery.*"]});
    let own = endpoint(&cluster, "posthaste:platform", &own).await;
    let secret = Secret::parse(own["secret"].as_str().unwrap()).unwrap();
    acme(&cluster).await;

    let gone = Receiver::start([Respond::status(410)]).await;
    let gone = json!({"url": gone.url(), "event_types": ["order.gone"]});
    let gone = endpoint(&cluster, "acme", &gone).await;
    publish(&cluster, "order.gone").await;
    let events = told(&platform, "endpoint.disabled").await;
    let disabled = &events["endpoint.disabled"][0];
    assert_eq!(disabled["cause"], "gone");
    assert_eq!(disabled["tenant"]["external_id"], "acme");
    assert_eq!(
        disabled["endpoint"],
        json!({"id": gone["id"], "host": "127.0.0.1"})
    );
    let health_of_gone = health(&cluster, &gone).await;
    assert_eq!(health_of_gone["summary"], "disabled: gone");
    guide::verify([&secret], &platform.requests()[0].body).expect("signed with its own secret");

    let failed = Respond::status(503);
    let flaky = Receiver::start([failed.clone(), failed.clone(), failed, Respond::ok()]).await;
    let flaky = json!({
        "url": flaky.url(),
        "event_types": ["order.flaky"],
        "retry_waits_s": [1, 1],
    });
    let flaky = endpoint(&cluster, "acme", &flaky).await;
    let event = publish(&cluster, "order.flaky").await;
    let events = told(&platform, "delivery.exhausted").await;
    let exhausted = &events["delivery.exhausted"][0];
    assert_eq!(
        exhausted["event"],
        json!({"id": event, "type": "order.flaky"})
    );
    assert_eq!(exhausted["attempts"], 3);
    let events = told(&platform, "endpoint.failing").await;
    assert_eq!(events["endpoint.failing"][0]["reason"], "answered 503");
    let failing = health(&cluster, &flaky).await;
    assert_eq!(
        (&failing["status"], &failing["failures"]),
        (&json!("failing"), &json!(3))
    );

    publish(&cluster, "order.flaky").await;
    let events = told(&platform, "endpoint.recovered").await;
    assert_eq!(
        events["endpoint.recovered"][0]["endpoint"]["id"],
        flaky["id"]
    );
    let counts: Vec<_> = events
        .iter()
        .map(|(name, all)| (&**name, all.len()))
        .collect();
    let once = [
        "delivery.exhausted",
        "endpoint.disabled",
        "endpoint.failing",
        "endpoint.recovered",
    ];
    assert_eq!(counts, once.map(|name| (name, 1)));
    assert_eq!(health(&cluster, &flaky).await["summary"], "healthy");
}

/// Publishes until so many deliveries are held; gives the events of these in their order. One that
/// a dispatcher delivers before it hears of the pause doesn't count.
async fn hold(cluster: &Cluster, endpoint: &Value, count: usize) -> Vec<String> {
    let id = endpoint["id"].as_str().unwrap();
    let list = format!("/v1/tenants/acme/deliveries?endpoint={id}");
    let mut held = Vec::new();
    while held.len() < count {
        let event = publish(cluster, "order.paid").await;
        let state = eventually(DEADLINE, "the delivery to be recorded", async || {
            let listed = cluster.call(Method::GET, &list, None).await.json();
            let mut deliveries = listed["data"].as_array().unwrap().iter();
            let found = deliveries.find(|one| one["event"] == event);
            let state = found.map(|one| one["state"].as_str().unwrap().to_owned());
            state.ok_or(listed)
        })
        .await;
        if state == "held" {
            held.push(event);
        }
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pause_holds_is_released_in_its_order() {
    let stack = Stack::new().await;
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    // One a second, so that the order of arrival is the order of release.
    let slowly = [
        "--allow-network",
        "127.0.0.0/8",
        "--allow-http",
        "--console-release-rate",
        "1",
    ];
    cluster.arguments(Role::Console, &slowly);
    for role in Role::ALL {
        cluster.launch(role);
    }
    for role in Role::ALL {
        cluster.ready(role).await;
    }
    acme(&cluster).await;
    let receiver = Receiver::start([Respond::status(500), Respond::ok()]).await;
    let made = json!({"url": receiver.url(), "retry_waits_s": [15]});
    let made = endpoint(&cluster, "acme", &made).await;
    let path = format!(
        "/v1/tenants/acme/endpoints/{}",
        made["id"].as_str().unwrap()
    );

    // What waits for a retry when the endpoint is paused is held when it comes back.
    let retried = publish(&cluster, "order.paid").await;
    receiver.wait_for(1, DEADLINE).await;
    let paused = cluster.make(&format!("{path}/pause"), &json!(null)).await;
    assert_eq!(paused["health"]["status"], "paused");
    let mut expected = hold(&cluster, &made, 3).await;
    expected.push(retried);
    eventually(DEADLINE, "all to be held", async || {
        let health = health(&cluster, &made).await;
        if health["held"] == 4 {
            Ok(())
        } else {
            Err(health)
        }
    })
    .await;
    let summary = health(&cluster, &made).await["summary"].clone();
    assert_eq!(summary, "paused, 4 held");

    let before = receiver.requests().len();
    cluster.make(&format!("{path}/resume"), &json!(null)).await;
    let requests = receiver.wait_for(before + 4, DEADLINE).await;
    let arrived = requests[before..]
        .iter()
        .map(|one| &one.headers["webhook-id"]);
    let arrived: Vec<_> = arrived.map(|id| id.to_str().unwrap()).collect();
    assert_eq!(arrived, expected);
    eventually(DEADLINE, "nothing to be held", async || {
        let health = health(&cluster, &made).await;
        if health["summary"] == "healthy" {
            Ok(())
        } else {
            Err(health)
        }
    })
    .await;
}
