//! Which deliveries come of an event.

use std::collections::BTreeSet;

use domain::dispatch::Payload;
use domain::id::{DeliveryId, EndpointId};
use domain::limits;

use crate::rig::Rig;

const DATA: &str = "{ \"n\": 9007199254740993,\t\"n\": 1.10, \"t\": \"\\u0000 🚚\" }";

#[tokio::test(flavor = "multi_thread")]
async fn each_matching_endpoint_gets_the_payload_byte_for_byte() {
    let rig = Rig::start().await;
    let exact = rig.endpoints(2, "shipment.created").await;
    let below = rig.endpoints(1, "shipment.*").await;
    rig.endpoints(1, "user.created").await;
    let event = rig.event("shipment.created", DATA);
    rig.publish(std::slice::from_ref(&event)).await;

    let deliveries = rig.deliveries(3).await;
    let reached: BTreeSet<EndpointId> = deliveries
        .iter()
        .map(|one| one.due.delivery.endpoint)
        .collect();
    assert_eq!(deliveries.len(), 3);
    assert_eq!(reached, exact.into_iter().chain(below).collect());
    for one in &deliveries {
        assert_eq!(one.content.payload, Payload::Inline(DATA.into()));
        assert_eq!(one.content.event, event.id);
        assert_eq!(one.content.timestamp, event.timestamp);
        let delivery = one.due.delivery;
        assert_eq!(delivery.id, DeliveryId::first(event.id, delivery.endpoint));
    }
    rig.is_done().await;
    let recorded = rig.store.event(rig.tenant, event.id).await.unwrap();
    assert_eq!(recorded.data, DATA);
    assert_eq!(recorded.summary.endpoints, Vec::from_iter(reached));
    rig.stop().await;
}

/// An endpoint that was saved before the event was published gets it, each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_endpoint_is_seen_at_once() {
    let rig = Rig::start().await;
    for number in 0..10 {
        let event_type = format!("order.number_{number}");
        let [endpoint] = rig.endpoints(1, &event_type).await.try_into().unwrap();
        rig.publish(&[rig.event(&event_type, "{}")]).await;
        let [delivery] = rig.deliveries(1).await.try_into().unwrap();
        assert_eq!(delivery.due.delivery.endpoint, endpoint);
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_ten_thousand_endpoints() {
    let rig = Rig::start().await;
    let endpoints = rig.endpoints(10_000, "*").await;
    rig.publish(&[rig.event("shipment.created", "{}")]).await;
    // More than anybody's share.
    let deliveries = rig.bulk_deliveries(endpoints.len()).await;
    assert_eq!(deliveries.len(), endpoints.len());
    let reached: BTreeSet<EndpointId> = deliveries
        .iter()
        .map(|one| one.due.delivery.endpoint)
        .collect();
    assert_eq!(reached, endpoints.into_iter().collect());
    rig.is_done().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_payload_goes_by_reference() {
    let rig = Rig::start().await;
    rig.endpoints(1, "*").await;
    let data = format!("\"{}\"", "x".repeat(limits::INLINE_PAYLOAD_BYTES));
    let event = rig.event("shipment.created", data.clone());
    rig.publish(std::slice::from_ref(&event)).await;
    let [delivery] = rig.deliveries(1).await.try_into().unwrap();
    assert_eq!(delivery.content.payload, Payload::Stored);
    let day = delivery.content.accepted_at.to_utc().date();
    let stored = rig.store.payload(event.id, day).await.unwrap();
    assert_eq!(stored.unwrap(), data);
    rig.stop().await;
}

/// Asked of the bytes that were published, a filter decides for its own endpoint alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_decides_for_its_own_endpoint() {
    let rig = Rig::start().await;
    let [plain] = rig.endpoints(1, "*").await.try_into().unwrap();
    let [filtered] = rig.endpoints(1, "*").await.try_into().unwrap();
    let [unreadable] = rig.endpoints(1, "*").await.try_into().unwrap();
    for (endpoint, filter) in [(filtered, "@.n == 1.1"), (unreadable, "@.n ~ 1")] {
        let id: EndpointId = endpoint;
        let write = format!(
            "update endpoints set filter = '{filter}' where id = '{}'",
            id.uuid()
        );
        rig.stack.execute(&write).await;
    }
    let selected = rig.event("shipment.created", DATA);
    let other = rig.event("shipment.created", "{\"n\":1.10,\"n\":2}");
    rig.publish(&[selected.clone(), other.clone()]).await;

    let deliveries = rig.deliveries(3).await;
    let mut reached: Vec<_> = deliveries
        .iter()
        .map(|one| (one.content.event, one.due.delivery.endpoint))
        .collect();
    reached.sort_unstable();
    let mut expected = [
        (selected.id, plain),
        (selected.id, filtered),
        (other.id, plain),
    ];
    expected.sort_unstable();
    assert_eq!(reached, expected);
    rig.is_done().await;
    rig.stop().await;
}
