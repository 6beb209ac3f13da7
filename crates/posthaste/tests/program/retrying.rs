//! Retry policies through the real program: what an endpoint was given is what it gets.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually};

use crate::support::PROGRAM;

const DEADLINE: Duration = Duration::from_secs(60);

/// Three attempts by a growing policy, a dead letter that says why, and a replay that arrives under
/// the same id once the receiver is mended.
#[tokio::test(flavor = "multi_thread")]
async fn a_growing_policy_is_followed_to_its_end() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let receiver = Receiver::start([
        Respond::status(500),
        Respond::status(500),
        Respond::status(500),
        Respond::ok(),
    ])
    .await;
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let growing = json!({"base_s": 1, "factor": 2.0, "cap_s": 60, "attempts": 3});
    let endpoint = json!({"url": receiver.url(), "retry_exponential": growing});
    let made = cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    assert_eq!(
        made["retry"],
        json!({"waits_s": [1, 2], "attempts": 3, "span_s": 3, "source": "endpoint"})
    );

    let event = r#"{"tenant":"acme","event":"shipment.created","data":{}}"#;
    let answer = cluster.publish(event).await.expect("ingest answers");
    assert_eq!(answer.status, 202);
    let endpoint = made["id"].as_str().expect("an endpoint has an id");
    let path = format!("/v1/tenants/acme/deliveries?endpoint={endpoint}");
    let dead = eventually(DEADLINE, "the delivery to be dead", async || {
        let listed = cluster.call(http::Method::GET, &path, None).await.json();
        let delivery = listed["data"][0].clone();
        if delivery["state"] == "dead" {
            Ok(delivery)
        } else {
            Err(format!("{listed}\n{}", cluster.log_tail(Role::Dispatcher)))
        }
    })
    .await;
    let attempts = receiver.requests();
    assert_eq!(attempts.len(), 3, "as many as the policy says");
    for (pair, wait) in attempts.windows(2).zip([1, 2]) {
        let kept = Duration::from_secs(wait).mul_f64(0.95);
        assert!(pair[1].at - pair[0].at >= kept, "none comes early");
    }

    let id = dead["id"].as_str().expect("a delivery has an id");
    let replay = format!("/v1/tenants/acme/deliveries/{id}/replay");
    cluster.make(&replay, &json!({})).await;
    let attempts = receiver.wait_for(4, DEADLINE).await;
    assert!(
        attempts
            .iter()
            .all(|one| one.headers["webhook-id"] == attempts[0].headers["webhook-id"])
    );
}
