//! Dead letters through the real program: discarded in bulk, corrected, and replayed once what
//! killed them is gone.

use std::path::Path;
use std::time::Duration;

use broker::topology::{Lane, Route, queue};
use broker::{Broker, Config, ConsumerOptions, Outgoing};
use domain::limits;
use domain::shard::Shards;
use http::Method;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually};
use tokio_util::sync::CancellationToken;

use crate::support::{PROGRAM, payload};

const SOON: Duration = Duration::from_secs(60);

async fn tenant(cluster: &Cluster, receiver: &Receiver, more: Value) {
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let mut endpoint = json!({"url": receiver.url(), "event_types": ["*"]});
    endpoint
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
}

/// The open dead letters, once there are so many.
async fn letters(cluster: &Cluster, path: &str, count: usize) -> Vec<Value> {
    eventually(SOON, "dead letters", async || {
        let listed = cluster.call(Method::GET, path, None).await.json();
        let letters = listed["data"].as_array().cloned().unwrap_or_default();
        if letters.len() == count {
            Ok(letters)
        } else {
            Err(listed)
        }
    })
    .await
}

fn broker(stack: &Stack) -> Broker {
    Broker::new(&Config::new(stack.amqp_url().into(), "test")).unwrap()
}

/// A worker that crashes over the queue's only message, so often.
async fn crash(broker: &Broker, queue: &str, times: u32) {
    for _ in 0..times {
        let options = ConsumerOptions {
            queue: queue.to_owned(),
            prefetch: 1,
            name: "test".to_owned(),
        };
        let mut consumer = broker.consumer(options, CancellationToken::new());
        let received = tokio::time::timeout(SOON, consumer.next()).await;
        drop(received.expect("it comes back").expect("not stopped"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_deliveries_are_dead_letters_that_are_discarded_together() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    // The first attempt is the last.
    let receiver = Receiver::start([Respond::status(400)]).await;
    tenant(&cluster, &receiver, json!({"retry_waits_s": []})).await;
    for number in 0..3 {
        let body = format!(r#"{{"tenant":"acme","event":"shipment.created","data":{number}}}"#);
        assert_eq!(cluster.publish(body).await.unwrap().status, 202);
    }
    let own = "/v1/tenants/acme/dead-letters";
    for letter in letters(&cluster, own, 3).await {
        assert_eq!(
            (&letter["kind"], &letter["reason"]),
            (&json!("delivery"), &json!("exhausted"))
        );
        assert_eq!(letter["event_type"], "shipment.created");
    }
    let discard = format!("{own}/discard");
    let dry = cluster
        .make(&discard, &json!({"reason": "exhausted", "dry_run": true}))
        .await;
    assert_eq!(dry, json!({"count": 3, "left": 0, "complete": true}));
    letters(&cluster, own, 3).await;
    let done = cluster
        .make(&discard, &json!({"reason": "exhausted"}))
        .await;
    assert_eq!(done["count"], 3);
    letters(&cluster, own, 0).await;
    let dry = cluster
        .make(
            "/v1/tenants/acme/replays",
            &json!({"failed": {}, "dry_run": true}),
        )
        .await;
    assert_eq!(dry["count"], 0, "what was discarded is not replayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_message_is_corrected_and_delivered() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    tenant(&cluster, &receiver, json!({})).await;
    let wrong = r#"{"tenant":"acme","event":"shipment created","data":{"exact":1.10}}"#;
    let message = Outgoing::new(Route::inbox(), wrong, "", "application/json");
    let publisher = broker(&stack).publisher("test");
    publisher
        .publish(message.with_message_id("order-7"))
        .await
        .unwrap();

    let [letter] = letters(&cluster, "/v1/dead-letters?kind=rejected", 1)
        .await
        .try_into()
        .unwrap();
    let path = format!("/v1/dead-letters/{}", letter["id"].as_str().unwrap());
    let kept = cluster.call(Method::GET, &path, None).await.json();
    assert_eq!(kept["body"]["text"], wrong);
    // As it is, it is rejected again: another letter, and the first is dealt with.
    cluster.make(&format!("{path}/replay"), &json!({})).await;
    let second = eventually(SOON, "it to be rejected again", async || {
        let listed = letters(&cluster, "/v1/dead-letters?kind=rejected", 1).await;
        (listed[0]["id"] != letter["id"]).then(|| listed[0]["id"].clone())
    })
    .await;

    let right = wrong.replace("shipment created", "shipment.created");
    let path = format!("/v1/dead-letters/{}/replay", second.as_str().unwrap());
    cluster.make(&path, &json!({"text": right})).await;
    let requests = receiver.wait_for(1, SOON).await;
    assert_eq!(payload(&requests[0].body), br#"{"exact":1.10}"#);
    letters(&cluster, "/v1/dead-letters", 0).await;
}

/// A delivery that every worker crashes on is parked with its bytes, and is delivered once the
/// cause is gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_crashed_its_workers_is_delivered_once_they_are_mended() {
    let stack = Stack::new().await;
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    for role in [Role::Ingest, Role::Fanout, Role::Recorder, Role::Console] {
        cluster.start_role(role).await;
    }
    let receiver = Receiver::start([Respond::ok()]).await;
    tenant(&cluster, &receiver, json!({})).await;
    let data = r#"{"exact":1.10}"#;
    let body = format!(r#"{{"tenant":"acme","event":"shipment.created","data":{data}}}"#);
    let accepted = cluster.publish(body).await.unwrap().json();
    let shard = Shards::ONE.all().next().unwrap();
    let broker = broker(&stack);
    // Among others first, and then alone.
    crash(
        &broker,
        &queue::dispatch_fresh(shard),
        limits::DELIVERY_LIMIT + 1,
    )
    .await;
    crash(&broker, &queue::quarantine(Lane::Dispatch), 11).await;

    let [letter] = letters(&cluster, "/v1/dead-letters?kind=poison", 1)
        .await
        .try_into()
        .unwrap();
    assert_eq!(letter["reason"], "delivery_limit");
    assert_eq!(letter["event"], accepted["id"]);
    let path = format!("/v1/dead-letters/{}", letter["id"].as_str().unwrap());
    let kept = cluster.call(Method::GET, &path, None).await.json();
    let has_body = kept["body"]["text"].is_string() || kept["body"]["base64"].is_string();
    assert!(has_body, "{kept}");

    cluster.start_role(Role::Dispatcher).await;
    let replayed = cluster.make(&format!("{path}/replay"), &json!({})).await;
    let requests = receiver.wait_for(1, SOON).await;
    assert_eq!(
        requests[0].headers["webhook-id"],
        accepted["id"].as_str().unwrap()
    );
    assert_eq!(payload(&requests[0].body), data.as_bytes());
    let delivery = replayed["delivery"].as_str().unwrap();
    let path = format!("/v1/tenants/acme/deliveries/{delivery}");
    eventually(SOON, "the delivery to be on record", async || {
        let seen = cluster.call(Method::GET, &path, None).await.json();
        if seen["state"] == "delivered" {
            Ok(())
        } else {
            Err(seen)
        }
    })
    .await;
    letters(&cluster, "/v1/dead-letters", 0).await;
}
