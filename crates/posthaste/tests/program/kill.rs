//! 10,000 events while every service and the broker is killed once: what got 202 arrives.
//!
//! The publisher writes down an id when it is accepted, the receiver when it arrives; nobody else
//! is believed.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Ledger, PROGRAM, Publisher, receive};
use sandbox::Servers;
use serde_json::json;
use testkit::cluster::Role;
use testkit::{Cluster, Stack, eventually, server_options};

const EVENTS: usize = 10_000;
const PUBLISHERS: usize = 32;

/// What a kill may make arrive twice: what one dispatcher can have in flight.
const DUPLICATES: usize = 1_024;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_when_everything_is_killed_once() {
    let servers = Servers::start(server_options())
        .await
        .expect("private servers start");
    let stack = Stack::on(servers.access()).await;
    let mut cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    stack.queues_on_disk().await;
    let ledger = Arc::new(Ledger::default());
    let receiver = receive(Arc::clone(&ledger)).await;
    cluster
        .make(
            "/v1/tenants",
            &json!({"name": "acme", "external_id": "acme"}),
        )
        .await;
    let endpoint =
        json!({"url": receiver, "event_types": ["*"], "retry_waits_s": [1, 1, 2, 5, 10]});
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;

    let published = Arc::new(AtomicUsize::new(0));
    let publishing = publish_all(&cluster, &published);
    let reached = async |share: usize| {
        let what = format!("{share} % to be published");
        eventually(Duration::from_secs(120), &what, async || {
            (published.load(Ordering::Relaxed) >= EVENTS * share / 100).then_some(())
        })
        .await;
    };
    for (share, role) in [
        (10, Role::Ingest),
        (25, Role::Fanout),
        (40, Role::Dispatcher),
        (55, Role::Recorder),
    ] {
        reached(share).await;
        cluster.kill(role).await;
        cluster.start_role(role).await;
    }
    reached(70).await;
    servers
        .broker()
        .kill()
        .await
        .expect("the broker can be killed");
    assert!(
        servers.broker().process().is_none(),
        "the broker still runs"
    );
    servers
        .broker()
        .start()
        .await
        .expect("the broker starts again");
    let accepted = publishing.await.expect("the publishers don't panic");

    assert_eq!(accepted.len(), EVENTS);
    eventually(
        Duration::from_secs(180),
        "everything accepted to arrive",
        async || {
            let missing = accepted.keys().filter(|id| !ledger.has(id)).count();
            if missing == 0 {
                Ok(())
            } else {
                Err(format!("{missing} of {EVENTS} are missing"))
            }
        },
    )
    .await;
    let arrived = ledger.arrived();
    for (id, bodies) in &arrived {
        let data: HashSet<&Vec<u8>> = bodies.iter().collect();
        assert_eq!(data.len(), 1, "{id} arrived with different payloads");
        let Some(sent) = accepted.get(id) else {
            continue;
        };
        assert_eq!(&bodies[0], sent, "the payload of {id} was altered");
    }
    let duplicates: usize = arrived.values().map(|bodies| bodies.len() - 1).sum();
    let recovered = arrived
        .keys()
        .filter(|id| !accepted.contains_key(*id))
        .count();
    println!(
        "accepted {EVENTS}, lost 0, altered 0, duplicates {duplicates}, recovered {recovered}"
    );
    assert!(
        duplicates <= DUPLICATES,
        "{duplicates} duplicates are more than was in flight"
    );
}

type Accepted = HashMap<String, Vec<u8>>;

/// Publishes until so many events were accepted; whatever got no 202 is tried again as an event of
/// its own.
fn publish_all(
    cluster: &Cluster,
    published: &Arc<AtomicUsize>,
) -> tokio::task::JoinHandle<Accepted> {
    let accepted = Arc::new(Mutex::new(Accepted::new()));
    let left = Arc::new(AtomicUsize::new(EVENTS));
    let publisher = Publisher::of(cluster);
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|_| {
            let (publisher, accepted) = (publisher.clone(), Arc::clone(&accepted));
            let (left, published) = (Arc::clone(&left), Arc::clone(published));
            tokio::spawn(async move {
                let take = |left: usize| left.checked_sub(1);
                while let Ok(number) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                {
                    let data = format!(r#"{{"number":{number},"exact":1.10}}"#);
                    let id = publisher.publish_until_accepted("acme", &data).await;
                    accepted.lock().unwrap().insert(id, data.into_bytes());
                    published.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::spawn(async move {
        for publisher in publishers {
            publisher.await.expect("a publisher doesn't panic");
        }
        std::mem::take(&mut *accepted.lock().unwrap())
    })
}
