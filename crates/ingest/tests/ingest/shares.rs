//! What is above its tenant's share goes by the bulk lane, whichever way it came.

use domain::id::TenantId;

use crate::rig::{Rig, event};

/// So few that a handful of events at once is above everybody's share.
const PER_SECOND: u32 = 20;

const FLOOD: usize = 100;

/// Publishes an event of another tenant after the flood, and sees to it that it is on the normal
/// lane, and the flood, but for its beginning, on the bulk lane.
async fn the_flood_is_aside(rig: &Rig, quiet: TenantId) {
    let body = r#"{"tenant":"quiet","event":"shipment.created","data":1}"#;
    assert_eq!(rig.publish(body).await.status, 202);
    let mut normal = Vec::new();
    while normal.last() != Some(&quiet) {
        normal.extend(rig.message().await.into_iter().map(|event| event.tenant));
    }
    let beginning = normal.len() - 1;
    assert!(beginning < FLOOD / 2, "{beginning} on the normal lane");
    let flood = rig.bulk_events(FLOOD - beginning).await;
    assert_eq!(flood.len(), FLOOD - beginning);
    assert!(flood.iter().all(|event| event.tenant == rig.tenant));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_floods_keeps_the_normal_lane_free_for_others() {
    let rig = Rig::with_shares_of(PER_SECOND).await;
    let quiet = rig.tenant("quiet").await;
    let batch = format!("[{}]", vec![event("1"); FLOOD].join(","));
    let answer = rig.post("/v1/events/batch", &[], batch).await;
    assert_eq!(
        answer.status, 202,
        "what is above the share is accepted too"
    );
    the_flood_is_aside(&rig, quiet).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_has_the_same_shares() {
    let rig = Rig::with_shares_of(PER_SECOND).await;
    let batch = format!("[{}]", vec![event("1"); FLOOD].join(","));
    rig.submit("application/json", "", batch).await;
    let flood = rig.bulk_events(FLOOD / 2).await;
    assert!(flood.iter().all(|event| event.tenant == rig.tenant));
    rig.stop().await;
}
