//! What can't be read ends alone in the dead letters.

use bytes::Bytes;
use domain::limits;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_item_leaves_its_neighbours_alone() {
    let rig = Rig::start().await;
    rig.endpoints(1, "*").await;
    let poison = Bytes::from_static(b"\xff\xff no event");
    let events: Vec<_> = (1..limits::ITEMS_PER_MESSAGE)
        .map(|_| rig.event("shipment.created", "{}"))
        .collect();
    let mut items: Vec<Bytes> = events.iter().map(wire::accepted::encode).collect();
    items.insert(100, poison.clone());
    rig.publish_items(items).await;

    let deliveries = rig.deliveries(events.len()).await;
    let mut came: Vec<_> = deliveries.iter().map(|one| one.content.event).collect();
    let mut sent: Vec<_> = events.iter().map(|event| event.id).collect();
    came.sort_unstable();
    sent.sort_unstable();
    assert_eq!(came, sent);
    assert_eq!(rig.dead(1).await, [wire::batch::join(vec![poison])]);
    rig.is_done().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_batch_is_parked_whole() {
    let rig = Rig::start().await;
    rig.endpoints(1, "*").await;
    let garbage = Bytes::from_static(b"\xff\xff no batch");
    rig.publish_body(garbage.clone()).await;
    assert_eq!(rig.dead(1).await, [garbage]);
    rig.publish(&[rig.event("shipment.created", "{}")]).await;
    assert_eq!(rig.deliveries(1).await.len(), 1);
    rig.stop().await;
}

/// Quarantined items are fanned out like all others.
#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_event_is_fanned_out() {
    use broker::Outgoing;
    use broker::topology::{Lane, Route};

    let rig = Rig::start().await;
    rig.endpoints(1, "*").await;
    let event = rig.event("shipment.created", "{}");
    let body = wire::batch::join(vec![wire::accepted::encode(&event)]);
    let kind = wire::MessageType::Accepted.as_str();
    let route = Route::quarantine(Lane::Events);
    let message = Outgoing::new(route, body, kind, wire::CONTENT_TYPE);
    rig.publisher.publish(message).await.unwrap();
    assert_eq!(rig.deliveries(1).await[0].content.event, event.id);
    rig.stop().await;
}
