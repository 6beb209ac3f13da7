//! What comes again: our own redeliveries, publishers' repeats, conflicts.

use domain::dispatch::Custody;
use domain::event::{Event, Identity};
use domain::id::{DeliveryId, EventId, IngestId};
use uuid::Uuid;

use crate::rig::Rig;

fn keyed(rig: &Rig, key: &str, data: &'static str, fingerprint: u8) -> Event {
    Event {
        id: EventId::keyed(rig.tenant, key),
        identity: Identity::Keyed {
            fingerprint: [fingerprint; 32],
        },
        ..rig.event("shipment.created", data)
    }
}

/// The endpoints of the first time count: one made since then gets nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_comes_again_names_the_same_deliveries() {
    let rig = Rig::start().await;
    rig.endpoints(3, "*").await;
    let events: Vec<_> = (0..5)
        .map(|_| rig.event("shipment.created", "{}"))
        .collect();
    rig.publish(&events).await;
    let mut first = ids(&rig, 15, Custody::Sole).await;
    rig.endpoints(1, "*").await;
    rig.publish(&events).await;
    let mut again = ids(&rig, 15, Custody::Repeated).await;
    first.sort_unstable();
    again.sort_unstable();
    assert_eq!(first, again);
    rig.is_done().await;
    rig.stop().await;
}

/// So many deliveries, each as this one.
async fn ids(rig: &Rig, count: usize, custody: Custody) -> Vec<DeliveryId> {
    let deliveries = rig.deliveries(count).await;
    assert!(deliveries.iter().all(|one| one.custody == custody));
    deliveries.iter().map(|one| one.due.delivery.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publishers_repeat_is_dropped() {
    let rig = Rig::start().await;
    rig.endpoints(1, "*").await;
    let event = keyed(&rig, "order-1", "1", 7);
    let repeat = Event {
        ingest_id: IngestId::from_uuid(Uuid::new_v4()),
        ..event.clone()
    };
    let conflict = Event {
        ingest_id: IngestId::from_uuid(Uuid::new_v4()),
        ..keyed(&rig, "order-1", "2", 8)
    };
    rig.publish(std::slice::from_ref(&event)).await;
    let first = rig.deliveries(1).await;
    assert_eq!(first[0].content.event, event.id);
    // What follows them in the same message shows that nothing came of them.
    let after = rig.event("shipment.created", "3");
    rig.publish(&[repeat, conflict, after.clone()]).await;
    let next = rig.deliveries(1).await;
    let came: Vec<_> = next.iter().map(|one| one.content.event).collect();
    assert_eq!(came, [after.id]);
    rig.is_done().await;
    let conflicts = "do $$ begin assert (select conflicts from idempotency_keys) = 1; end $$";
    rig.stack.execute(conflicts).await;
    let recorded = rig.store.event(rig.tenant, event.id).await.unwrap();
    assert_eq!(recorded.data, "1");
    rig.stop().await;
}
