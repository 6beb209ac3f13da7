//! Fair shares between tenants: a flood of one doesn't stand before another's single event, and
//! nothing of it is lost.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::json;
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually};

use crate::support::{Caller, Ledger, PROGRAM, receive};

const FLOOD: usize = 5_000;
const BATCH: usize = 1_000;

/// Longer than the flood takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// So few a second that the flood is above its share from its third event on.
const FEW: [&str; 2] = ["--ingest-normal-per-second", "20"];

async fn start(stack: &Stack) -> Cluster {
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), stack).await;
    cluster.arguments(Role::Ingest, &FEW);
    for role in Role::ALL {
        cluster.start_role(role).await;
    }
    cluster
}

/// Makes a tenant with one endpoint.
async fn tenant(cluster: &Cluster, name: &str, url: &str) {
    let tenant = json!({"name": name, "external_id": name});
    cluster.make("/v1/tenants", &tenant).await;
    let endpoint = json!({"url": url, "event_types": ["*"], "retry_waits_s": [1, 1, 2, 5, 10]});
    let path = format!("/v1/tenants/{name}/endpoints");
    cluster.make(&path, &endpoint).await;
}

fn event(tenant: &str, data: usize) -> String {
    format!(r#"{{"tenant":"{tenant}","event":"shipment.created","data":{data}}}"#)
}

/// Publishes the whole flood, and returns the ids when all of it is accepted.
async fn flood(cluster: &Cluster, tenant: &str) -> Vec<String> {
    let caller = Caller {
        url: cluster.ingest_url(),
        key: cluster.key().to_owned(),
    };
    let mut ids = Vec::new();
    for first in (0..FLOOD).step_by(BATCH) {
        let events = (first..first + BATCH).map(|number| event(tenant, number));
        let batch = format!("[{}]", events.collect::<Vec<_>>().join(","));
        let answer = caller
            .send(Method::POST, "/v1/events/batch", &[], batch)
            .await;
        assert_eq!(answer.status, 202, "{}", answer.json());
        let answer = answer.json();
        let results = answer["results"].as_array().unwrap();
        ids.extend(
            results
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
    }
    ids
}

/// All of the flood was accepted before the other tenant's event: in one line it would be last.
#[tokio::test(flavor = "multi_thread")]
async fn a_single_event_does_not_wait_behind_another_tenants_flood() {
    let stack = Stack::new().await;
    let cluster = start(&stack).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let url = |tenant: &str| format!("http://{}/{tenant}", receiver.address());
    tenant(&cluster, "busy", &url("busy")).await;
    tenant(&cluster, "quiet", &url("quiet")).await;

    flood(&cluster, "busy").await;
    receiver.wait_for(FLOOD / 50, LIMIT).await;
    let answer = cluster.publish(event("quiet", 0)).await.unwrap();
    assert_eq!(answer.status, 202);

    let requests = receiver.wait_for(FLOOD + 1, LIMIT).await;
    let position = requests.iter().position(|one| one.uri.path() == "/quiet");
    let behind = requests.len() - 1 - position.expect("it arrived");
    assert!(
        behind > FLOOD / 10,
        "only {behind} of the flood came after it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_not_lost_when_fan_out_and_dispatcher_are_killed_with_it_in_hand() {
    let stack = Stack::new().await;
    let mut cluster = start(&stack).await;
    let ledger = Arc::new(Ledger::default());
    let url = receive(Arc::clone(&ledger)).await;
    tenant(&cluster, "busy", &url).await;

    let accepted = flood(&cluster, "busy").await;
    for (share, role) in [(5, Role::Fanout), (20, Role::Dispatcher)] {
        let what = format!("{share} % to have arrived");
        eventually(LIMIT, &what, async || {
            let arrived = ledger.arrived().len();
            (arrived >= FLOOD * share / 100)
                .then_some(())
                .ok_or(arrived)
        })
        .await;
        cluster.kill(role).await;
        cluster.start_role(role).await;
    }
    eventually(LIMIT, "everything accepted to arrive", async || {
        let missing = accepted.iter().filter(|id| !ledger.has(id)).count();
        (missing == 0).then_some(()).ok_or(missing)
    })
    .await;
    let arrived = ledger.arrived();
    for (number, id) in accepted.iter().enumerate() {
        let sent = number.to_string().into_bytes();
        assert!(arrived[id].iter().all(|data| *data == sent), "{id}");
    }
}
