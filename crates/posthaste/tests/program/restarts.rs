//! Processes come and go in good order under load: nothing is lost, and nothing is sent twice.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use testkit::cluster::{Instance, Role};
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually, total};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::{PROGRAM, Publisher};

const DEADLINE: Duration = Duration::from_secs(120);
const PUBLISHERS: usize = 8;

/// Every role and a receiver that takes this long.
async fn start(stack: &Stack, dispatcher: &[&str], takes: Duration) -> (Cluster, Receiver) {
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), stack).await;
    let loopback = ["--allow-network", "127.0.0.0/8", "--allow-http"];
    cluster.arguments(Role::Dispatcher, &[&loopback[..], dispatcher].concat());
    for role in Role::ALL {
        cluster.launch(role);
    }
    for role in Role::ALL {
        cluster.ready(role).await;
    }
    let receiver = Receiver::start([Respond::ok().after(takes)]).await;
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let endpoint = json!({"url": receiver.url()});
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    (cluster, receiver)
}

/// How often each event has arrived.
fn arrived(receiver: &Receiver) -> HashMap<String, usize> {
    let mut arrived = HashMap::new();
    for request in receiver.requests() {
        let id = request.headers["webhook-id"].to_str().unwrap().to_owned();
        *arrived.entry(id).or_default() += 1;
    }
    arrived
}

/// Waits until this many events have arrived and nothing is left in a queue, and checks that each
/// has arrived once.
async fn each_once(stack: &Stack, receiver: &Receiver, events: usize) {
    receiver.wait_for(events, DEADLINE).await;
    eventually(DEADLINE, "the queues to be empty", async || {
        let queues = stack.broker_admin().queues().await;
        let left = queues.into_iter().find(|it| it.ready + it.unacked > 0);
        left.map_or(Ok(()), Err)
    })
    .await;
    let arrived = arrived(receiver);
    let twice = arrived.values().filter(|times| **times > 1).count();
    assert_eq!(
        (arrived.len(), twice),
        (events, 0),
        "events, and those twice"
    );
}

/// A dispatcher's attempts until now.
async fn attempts(dispatcher: &Instance) -> f64 {
    total(&dispatcher.metrics().await, "posthaste_attempts_total")
}

/// One dispatcher, four, and one again, at receivers that take a tenth of a second.
#[tokio::test(flavor = "multi_thread")]
async fn dispatchers_come_and_go_under_load() {
    // So that one can't take ahead what four could work on.
    let few = [
        "--dispatcher-in-flight",
        "16",
        "--dispatcher-fresh-prefetch",
        "2",
    ];
    let stack = Stack::new().await;
    let (cluster, receiver) = start(&stack, &few, Duration::from_millis(100)).await;
    let (accepted, enough) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let mut publishers = JoinSet::new();
    for _ in 0..PUBLISHERS {
        let publisher = Publisher::of(&cluster);
        let (accepted, enough) = (Arc::clone(&accepted), enough.clone());
        publishers.spawn(async move {
            while !enough.is_cancelled() {
                publisher.publish_until_accepted("acme", "{}").await;
                accepted.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    receiver.wait_for(50, DEADLINE).await;

    let mut more = Vec::new();
    for _ in 0..3 {
        more.push(cluster.another(Role::Dispatcher).await);
    }
    for dispatcher in &more {
        eventually(DEADLINE, "each to take a part", async || {
            let made = attempts(dispatcher).await;
            if made >= 20.0 { Ok(()) } else { Err(made) }
        })
        .await;
    }
    for dispatcher in more {
        let ended = dispatcher.terminate().await;
        assert!(ended.success(), "it ends with {ended}");
    }
    let by_then = receiver.requests().len();
    receiver.wait_for(by_then + 50, DEADLINE).await;
    enough.cancel();
    publishers.join_all().await;
    each_once(&stack, &receiver, accepted.load(Ordering::Relaxed)).await;
}
