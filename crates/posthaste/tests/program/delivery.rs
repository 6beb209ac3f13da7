//! The main path through the real program: published over HTTP or the queue, it arrives signed and
//! byte for byte.

use std::path::Path;
use std::time::Duration;

use crate::support::{PROGRAM, payload};
use serde_json::{Value, json};
use signature::{Secret, guide, standard};
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually};

const DEADLINE: Duration = Duration::from_secs(60);

/// JSON that most libraries would change: digits, order, escapes, white space.
const AWKWARD: [&str; 12] = [
    "9007199254740993",
    "123456789012345678901234567890",
    "1e400",
    "-0",
    r#"{"price":1.10,"tax":0.10}"#,
    r#""nul \u0000 and a lone \ud800""#,
    r#"{"a":1,"a":2,"b":{"z":1,"a":2}}"#,
    "{ \"odd\" :\t[ 1 ,2\r\n, 3 ] }",
    "\"emoji 🚚 and ünïcode\"",
    r#"{"looks":"like","signature":"00","x":",\"timestamp\":\""}"#,
    "null",
    "[]",
];

async fn tenant(cluster: &Cluster, receiver: &Receiver) -> Secret {
    cluster
        .make(
            "/v1/tenants",
            &json!({"name": "acme", "external_id": "acme"}),
        )
        .await;
    let endpoint = json!({"url": receiver.url(), "event_types": ["shipment.*"]});
    let made = cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    Secret::parse(made["secret"].as_str().expect("the secret is shown once")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_arrive_byte_for_byte_and_verify() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let secret = tenant(&cluster, &receiver).await;
    let mut sent = Vec::new();
    for data in AWKWARD {
        let body = format!(
            r#"{{"tenant":"acme","event":"shipment.created","timestamp":"2024-01-15T10:30:00Z","data":{data}}}"#
        );
        let answer = cluster.publish(body).await.unwrap();
        assert_eq!(
            answer.status,
            202,
            "{data}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        sent.push((answer.json()["id"].as_str().unwrap().to_owned(), data));
    }
    let requests = receiver.wait_for(AWKWARD.len(), DEADLINE).await;
    for (id, data) in sent {
        let request = requests
            .iter()
            .find(|one| one.headers[standard::WEBHOOK_ID] == id);
        let request = request.unwrap_or_else(|| panic!("{data} did not arrive"));
        assert_eq!(payload(&request.body), data.as_bytes());
        let text = String::from_utf8_lossy(&request.body);
        assert!(
            text.starts_with(r#"{"event":"shipment.created","data":"#),
            "{text}"
        );
        assert!(
            text.contains(r#","timestamp":"2024-01-15T10:30:00Z","signature":""#),
            "{text}"
        );
        guide::verify([&secret], &request.body).unwrap();
        let header = |name: &str| {
            request
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        let at: i64 = header(standard::WEBHOOK_TIMESTAMP)
            .unwrap()
            .parse()
            .unwrap();
        standard::verify(
            [&secret],
            header(standard::WEBHOOK_ID),
            header(standard::WEBHOOK_TIMESTAMP),
            header(standard::WEBHOOK_SIGNATURE),
            &request.body,
            at,
            standard::TOLERANCE,
        )
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_on_record_and_can_be_replayed() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    tenant(&cluster, &receiver).await;
    let body = r#"{"tenant":"acme","event":"shipment.created","data":{"id":"ship_123"}}"#;
    let answer = cluster.publish(body).await.unwrap();
    let event = answer.json()["id"].as_str().unwrap().to_owned();
    receiver.wait_for(1, DEADLINE).await;

    let delivery = delivered(&cluster, &event, 1).await;
    let path = format!(
        "/v1/tenants/acme/deliveries/{}/replay",
        delivery.as_str().unwrap()
    );
    cluster.make(&path, &Value::Null).await;
    let requests = receiver.wait_for(2, DEADLINE).await;
    assert_eq!(
        requests[0].headers["webhook-id"],
        requests[1].headers["webhook-id"]
    );
    assert_eq!(payload(&requests[0].body), payload(&requests[1].body));
    delivered(&cluster, &event, 2).await;
}

/// Waits until the record has so many delivered deliveries of an event; returns one's id.
async fn delivered(cluster: &Cluster, event: &str, count: usize) -> Value {
    let path = format!("/v1/tenants/acme/deliveries?event={event}");
    eventually(DEADLINE, "the record to have the delivery", async || {
        let listed = cluster.call(http::Method::GET, &path, None).await.json();
        let deliveries = listed["data"].as_array().cloned().unwrap_or_default();
        let done = deliveries
            .iter()
            .filter(|one| one["state"] == "delivered")
            .count();
        if done == count {
            Ok(deliveries[0]["id"].clone())
        } else {
            Err(listed.to_string())
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn inside_addresses_are_refused_at_creation_and_at_send() {
    let stack = Stack::new().await;
    let mut cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    tenant(&cluster, &receiver).await;
    // Loopback over IPv4 is allowed to this console; nothing else that is inside.
    for url in [
        "http://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://0xa000001/",
        "https://localhost/",
    ] {
        let endpoint = json!({"url": url, "event_types": ["*"]});
        let path = "/v1/tenants/acme/endpoints";
        let answer = cluster
            .call(http::Method::POST, path, Some(&endpoint))
            .await;
        assert_eq!(
            answer.status,
            422,
            "{url}: {}",
            String::from_utf8_lossy(&answer.body)
        );
    }
    // The endpoint was made while loopback was allowed; a dispatcher that doesn't allow it refuses
    // at send.
    cluster.kill(Role::Dispatcher).await;
    cluster.arguments(Role::Dispatcher, &["--allow-http"]);
    cluster.start_role(Role::Dispatcher).await;
    let body = r#"{"tenant":"acme","event":"shipment.created","data":{}}"#;
    let event = cluster.publish(body).await.unwrap().json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/tenants/acme/deliveries?event={event}");
    eventually(DEADLINE, "the refusal to be on record", async || {
        let listed = cluster.call(http::Method::GET, &path, None).await.json();
        let outcome = listed["data"][0]["last_outcome"].clone();
        if outcome == "address_forbidden" {
            Ok(())
        } else {
            Err(listed.to_string())
        }
    })
    .await;
    assert!(receiver.requests().is_empty(), "the receiver was reached");
}
