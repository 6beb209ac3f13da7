//! Alerts are made to fire by their faults, on a live stack that a real Prometheus watches, and do
//! not fire before.
//!
//! The rules are those of `deploy/`, in a [`hurry`]. Where there is no Prometheus, the test says
//! that nothing was checked.

mod hurry;
mod watched;

use serde_json::json;
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};

use watched::Watched;

#[tokio::test(flavor = "multi_thread")]
async fn alerts_fire_by_their_faults_and_not_before() {
    let Some(mut watched) = Watched::start().await else {
        return;
    };
    let well = Receiver::start([Respond::ok()]).await;
    watched.tenant("well", [well.url()]).await;
    for _ in 0..20 {
        watched.publish("well", 1).await;
    }
    watched
        .is("time() - posthaste_ledger_balanced_timestamp_seconds < 6")
        .await;
    watched.at_rest().await;

    a_role_ends(&mut watched).await;
    publishers_err(&watched).await;
}

async fn a_role_ends(watched: &mut Watched) {
    watched.cluster.kill(Role::Console).await;
    watched.fire(&["PosthasteRoleDown"], async || {}).await;
    watched.cluster.start_role(Role::Console).await;
    watched.watch(&Role::ALL);
}

/// What is no event comes by HTTP, by the inbox and, as only an older version could have it, to
/// fan-out; and an endpoint that gets most of the traffic has moved.
async fn publishers_err(watched: &Watched) {
    let moved = Receiver::start([Respond::status(404)]).await;
    watched.tenant("moved", [moved.url()]).await;
    let broker = watched.stack.broker_admin();
    let alerts = [
        "PosthasteEventsRefused",
        "PosthasteInboxRejected",
        "PosthasteParked",
        "PosthasteDeadLetters",
        "PosthasteDeliveriesFailing",
    ];
    watched
        .fire(&alerts, async || {
            watched.publish("unknown", 5).await;
            watched.publish("moved", 5).await;
            for (exchange, key) in [("posthaste.inbox", "event"), ("posthaste.events", "00")] {
                broker.publish(exchange, key, b"no event", json!({})).await;
            }
        })
        .await;
}
