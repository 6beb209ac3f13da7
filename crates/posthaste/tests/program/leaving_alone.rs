//! An endpoint that fails is left alone, and its owner sees it: through the real program.

use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::json;
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually};

use crate::support::{Caller, PROGRAM};

const DEADLINE: Duration = Duration::from_secs(60);
const EVENT: &str = r#"{"tenant":"acme","event":"shipment.created","data":{}}"#;

/// Five failures open its breaker. What comes then waits, is shown with the time of its next try,
/// and has not been attempted. A changed URL ends that.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_shows_its_open_breaker_and_what_waits_for_it() {
    let stack = Stack::new().await;
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), &stack).await;
    let arguments = [
        "--allow-network=127.0.0.0/8",
        "--allow-http",
        "--dispatcher-breaker-open=5min",
    ];
    cluster.arguments(Role::Dispatcher, &arguments);
    for role in Role::ALL {
        cluster.start_role(role).await;
    }
    let receiver = Receiver::start([Respond::status(500)]).await;
    let tenant = json!({"name": "acme", "external_id": "acme"});
    cluster.make("/v1/tenants", &tenant).await;
    let endpoint = json!({"url": receiver.url(), "retry_waits_s": [600]});
    let made = cluster.make("/v1/tenants/acme/endpoints", &endpoint).await;
    assert_eq!(made["breaker"]["state"], "closed");
    let id = made["id"].as_str().expect("an endpoint has an id");
    let publish = async || {
        let answer = cluster.publish(EVENT).await.expect("ingest answers");
        assert_eq!(answer.status, 202);
    };

    for _ in 0..5 {
        publish().await;
    }
    let path = format!("/v1/tenants/acme/endpoints/{id}");
    eventually(DEADLINE, "the breaker is shown as open", async || {
        let endpoint = cluster.call(Method::GET, &path, None).await.json();
        if endpoint["breaker"]["state"] == "open" && endpoint["breaker"]["retry_at"].is_string() {
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
    let list = format!("/v1/tenants/acme/deliveries?endpoint={id}");
    eventually(
        DEADLINE,
        "the sixth delivery is shown as waiting",
        async || {
            let listed = cluster.call(Method::GET, &list, None).await.json();
            let listed = listed["data"].as_array().expect("a list").clone();
            let untried = listed.iter().filter(|one| one["attempt"] == 1);
            let is_there = untried.clone().count() == 1
                && untried
                    .clone()
                    .all(|one| one["next_attempt_at"].is_string());
            is_there.then_some(()).ok_or(listed)
        },
    )
    .await;
    assert_eq!(receiver.requests().len(), 5, "it has not been attempted");

    // At another URL it is tried at once: what was learned of the old one doesn't hold there.
    let mended = Receiver::start([Respond::ok()]).await;
    let change = json!({"url": mended.url()}).to_string();
    let caller = Caller {
        url: cluster.console_url(),
        key: cluster.key().to_owned(),
    };
    let headers = [("if-match", "*")];
    let changed = caller.send(Method::PATCH, &path, &headers, change).await;
    assert_eq!(changed.json()["breaker"]["state"], "closed");
    publish().await;
    mended.wait_for(1, DEADLINE).await;
}
