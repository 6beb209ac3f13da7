//! Which lane an event's deliveries go by.

use broker::topology::queue;

use crate::rig::{Rig, shard};

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_by_the_bulk_lane_goes_on_by_it() {
    let rig = Rig::start().await;
    rig.endpoints(1, "*").await;
    let event = rig.event("shipment.created", "1.10");
    rig.publish_bulk(std::slice::from_ref(&event)).await;
    let [delivery] = rig.bulk_deliveries(1).await.try_into().unwrap();
    assert_eq!(delivery.content.event, event.id);
    rig.is_done().await;
    let recorded = rig.store.event(rig.tenant, event.id).await.unwrap();
    assert_eq!(recorded.data, "1.10");
    rig.stop().await;
}

/// An event with a thousand endpoints is more than a share; the one beside it in the message is
/// not.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_too_many_deliveries_is_passed_on_to_the_bulk_lane() {
    let rig = Rig::start().await;
    rig.endpoints(1_000, "crowd.made").await;
    rig.endpoints(1, "user.created").await;
    let (crowd, single) = (rig.event("crowd.made", "1"), rig.event("user.created", "2"));
    rig.publish(&[single.clone(), crowd.clone()]).await;

    let [fresh] = rig.deliveries(1).await.try_into().unwrap();
    assert_eq!(fresh.content.event, single.id);
    let bulk = rig.bulk_deliveries(1_000).await;
    assert_eq!(bulk.len(), 1_000);
    assert!(bulk.iter().all(|one| one.content.event == crowd.id));
    rig.is_done().await;
    let left = rig.broker.depth(&queue::dispatch_fresh(shard())).await;
    assert_eq!(left.unwrap().messages, 0);
    rig.stop().await;
}
