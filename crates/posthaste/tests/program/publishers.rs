//! Platforms publish to the inbox with their own libraries: Python's pika and Node's amqplib.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack};

use crate::libraries::installed;
use crate::support::{PROGRAM, payload};

const DEADLINE: Duration = Duration::from_secs(60);

/// Publishes three events: JSON, protobuf written by hand, and a CloudEvent.
const PIKA: &str = include_str!("publishers/publish.py");
const AMQPLIB: &str = include_str!("publishers/publish.js");

#[tokio::test(flavor = "multi_thread")]
async fn pika_publishes_to_the_inbox() {
    let Some(library) = installed(
        "python3",
        &["-m", "pip", "install", "--quiet", "--target"],
        "pika==1.4.4",
    ) else {
        return;
    };
    arrives(
        Command::new("python3")
            .env("PYTHONPATH", library)
            .args(["-c", PIKA]),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amqplib_publishes_to_the_inbox() {
    let Some(library) = installed(
        "npm",
        &["install", "--silent", "--no-audit", "--no-fund", "--prefix"],
        "amqplib@0.10.9",
    ) else {
        return;
    };
    let modules = library.join("node_modules");
    arrives(
        Command::new("node")
            .env("NODE_PATH", modules)
            .args(["-e", AMQPLIB]),
    )
    .await;
}

/// Runs a publisher, and waits for its three events at a subscribed endpoint.
async fn arrives(publisher: &mut Command) {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    cluster
        .make(
            "/v1/tenants",
            &json!({"name": "acme", "external_id": "acme"}),
        )
        .await;
    let endpoint = json!({"url": receiver.url(), "event_types": ["shipment.created"]});
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    let output = publisher
        .env("AMQP_URL", stack.amqp_url())
        .output()
        .expect("it can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let requests = receiver.wait_for(3, DEADLINE).await;
    let mut payloads: Vec<_> = requests
        .iter()
        .map(|one| String::from_utf8_lossy(payload(&one.body)))
        .collect();
    payloads.sort_unstable();
    assert_eq!(
        payloads,
        [
            r#"{"via":"cloudevents"}"#,
            r#"{"via":"json","n":1.10}"#,
            r#"{"via":"protobuf"}"#
        ]
    );
}
