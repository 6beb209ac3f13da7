//! A receiver that wants no more, through the real program.

use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::json;
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually};

use crate::support::PROGRAM;

const DEADLINE: Duration = Duration::from_secs(60);
const EVENT: &str = r#"{"tenant":"acme","event":"shipment.created","data":{}}"#;

/// 410 disables the endpoint at once: that delivery is dead, the next is held, and both that and
/// what comes later arrive once the endpoint is resumed.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_disabled_and_what_comes_is_held() {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    let receiver = Receiver::start([Respond::status(410), Respond::ok()]).await;
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let endpoint = json!({"url": receiver.url()});
    let made = cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    let id = made["id"].as_str().expect("an endpoint has an id");
    let path = format!("/v1/tenants/acme/endpoints/{id}");
    let publish = async || {
        let answer = cluster.publish(EVENT).await.expect("ingest answers");
        assert_eq!(answer.status, 202);
    };

    publish().await;
    eventually(DEADLINE, "the endpoint is disabled", async || {
        let endpoint = cluster.call(Method::GET, &path, None).await.json();
        if endpoint["state"] == "disabled" && endpoint["state_reason"] == "gone" {
            Ok(())
        } else {
            Err(format!(
                "{endpoint}\n{}",
                cluster.log_tail(Role::Dispatcher)
            ))
        }
    })
    .await;

    publish().await;
    let states = async || {
        let list = format!("/v1/tenants/acme/deliveries?endpoint={id}");
        let listed = cluster.call(Method::GET, &list, None).await.json();
        let listed = listed["data"].as_array().expect("a list").clone();
        let mut states: Vec<_> = listed.iter().map(|one| one["state"].clone()).collect();
        states.sort_by_key(ToString::to_string);
        states
    };
    eventually(DEADLINE, "the second delivery is held", async || {
        let states = states().await;
        (states == ["dead", "held"]).then_some(()).ok_or(states)
    })
    .await;
    assert_eq!(receiver.requests().len(), 1, "nothing more was sent");

    let resume = format!("{path}/resume");
    let resumed = cluster.call(Method::POST, &resume, None).await;
    assert_eq!(resumed.json()["state"], "enabled");
    eventually(DEADLINE, "the second delivery arrives", async || {
        let states = states().await;
        (states == ["dead", "delivered"])
            .then_some(())
            .ok_or(states)
    })
    .await;
    assert_eq!(receiver.requests().len(), 2);
}
