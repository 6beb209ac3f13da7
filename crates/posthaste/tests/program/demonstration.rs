//! What a newcomer types first.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::support::PROGRAM;

/// It starts two servers on a machine that may be busy.
const DEADLINE: Duration = Duration::from_secs(180);

async fn run(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    timeout(DEADLINE, command.output())
        .await
        .expect("it ends in time")
        .expect("it runs")
}

#[tokio::test]
async fn the_demonstration_verifies_a_delivery_and_a_retried_one() {
    let output = run(&["demo", "--exit"]).await;
    let told = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{log}");
    assert_eq!(told.matches("signature verified").count(), 2, "{told}");
    assert_eq!(told.matches("answered 500").count(), 2, "{told}");
}

#[tokio::test]
async fn the_topology_is_printed_as_definitions() {
    let output = run(&["topology", "--print", "--shards", "2"]).await;
    let definitions: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let queues = definitions["queues"].as_array().unwrap();
    let names: Vec<_> = queues
        .iter()
        .filter_map(|queue| queue["name"].as_str())
        .collect();
    assert!(names.contains(&"posthaste.dispatch.fresh.01"), "{names:?}");
}

#[tokio::test]
async fn a_mistake_is_one_sentence_and_an_exit_code() {
    let server = ["--key", "phk_x", "--ingest-url", "http://127.0.0.1:1"];
    let arguments = ["publish", "shipment.created", "--data", "{oops"];
    let output = run(&[&arguments[..], &server].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("--data is not JSON"), "{said}");

    let output = run(&["publish", "no such type", "--data", "1", "--key", "x"]).await;
    assert_eq!(output.status.code(), Some(2));
}
