//! Innocents in a crash loop: connections that break again and again return prefetched messages
//! until the broker gives them up, and still everything is delivered.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broker::topology::queue;
use broker::{Broker, Config};
use domain::shard::Shards;
use http::Method;
use serde_json::json;
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually};

use crate::support::{PROGRAM, Publisher};

const EVENTS: usize = 300;

/// More than the broker's delivery limit of 20.
const BREAKS: usize = 30;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_healthy_is_a_dead_letter_after_thirty_reconnects() {
    let stack = Stack::new().await;
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    // Few at once, so that most of what is prefetched waits in the dispatcher's hands.
    let few = [
        "--allow-network",
        "127.0.0.0/8",
        "--allow-http",
        "--dispatcher-in-flight",
        "4",
    ];
    cluster.arguments(Role::Dispatcher, &few);
    for role in Role::ALL {
        cluster.start_role(role).await;
    }
    let slow = Arc::new(AtomicBool::new(true));
    let is_slow = Arc::clone(&slow);
    let receiver = Receiver::with(move |_| {
        let delay = if is_slow.load(Ordering::Relaxed) {
            900
        } else {
            0
        };
        Respond::ok().after(Duration::from_millis(delay))
    })
    .await;
    cluster
        .make(
            "/v1/tenants",
            &json!({"name": "acme", "external_id": "acme"}),
        )
        .await;
    let endpoint = json!({"url": receiver.url(), "event_types": ["*"]});
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    let publisher = Publisher::of(&cluster);
    let published = (0..EVENTS).map(|number| {
        let publisher = publisher.clone();
        tokio::spawn(async move {
            publisher
                .publish_until_accepted("acme", &number.to_string())
                .await
        })
    });
    let mut accepted = Vec::new();
    for one in published.collect::<Vec<_>>() {
        accepted.push(one.await.unwrap());
    }

    let broker = Broker::new(&Config::new(stack.amqp_url().into(), "test")).unwrap();
    let shard = Shards::ONE.all().next().unwrap();
    let fresh = queue::dispatch_fresh(shard);
    for number in 1..=BREAKS {
        let what = format!("what waits to be prefetched before break {number}");
        eventually(SOON, &what, async || {
            let depth = broker
                .depth(&fresh)
                .await
                .map_err(|error| error.to_string())?;
            if depth.messages == 0 && depth.consumers > 0 {
                Ok(())
            } else {
                Err(format!("{depth:?}"))
            }
        })
        .await;
        stack.broker_admin().close_connections().await;
    }
    eventually(
        SOON,
        "the broker to give messages up and the recorder to split them",
        async || cluster.log_has(Role::Recorder, "each of its items is tried alone"),
    )
    .await;
    slow.store(false, Ordering::Relaxed);

    eventually(
        Duration::from_secs(120),
        "everything to arrive",
        async || {
            let requests = receiver.requests();
            let has = |id: &&String| requests.iter().any(|one| one.headers["webhook-id"] == **id);
            let missing = accepted.iter().filter(|id| !has(id)).count();
            if missing == 0 {
                Ok(())
            } else {
                Err(format!("{missing} of {EVENTS} are missing"))
            }
        },
    )
    .await;
    let letters = cluster
        .call(Method::GET, "/v1/dead-letters", None)
        .await
        .json();
    assert_eq!(
        letters["data"],
        json!([]),
        "something healthy is a dead letter"
    );
}
