use domain::delivery::State;
use domain::event::Event;
use domain::id::{DeliveryId, EndpointId, TenantId};
use domain::report::{Report, Standing};
use store::PageRequest;
use store::endpoints::{Precondition, Switch};

use crate::support::{Db, now, number, report};

struct Paused {
    db: Db,
    tenant: TenantId,
    endpoint: EndpointId,
    events: Vec<Event>,
    held: Vec<Report>,
}

/// A paused endpoint with so many held deliveries, each at its second attempt.
async fn paused(count: usize) -> Paused {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let endpoint = db.endpoint(tenant, "*").await.id;
    let pause = db
        .store
        .switch_endpoint(tenant, endpoint, Precondition::Any, Switch::Pause);
    pause.await.unwrap();
    let events = db.events(tenant, count).await;
    let standing = Standing::Held { attempt: number(2) };
    let begun = now();
    let held = (0i64..).zip(&events).map(|(place, event)| Report {
        at: begun + time::Duration::milliseconds(place),
        ..report(event, endpoint, standing)
    });
    let held: Vec<_> = held.collect();
    db.store.record_reports(&held).await.unwrap();
    Paused {
        db,
        tenant,
        endpoint,
        events,
        held,
    }
}

impl Paused {
    async fn enable(&self) {
        let (store, any) = (&self.db.store, Precondition::Any);
        let enable = store.switch_endpoint(self.tenant, self.endpoint, any, Switch::Enable);
        enable.await.unwrap();
    }

    async fn count(&self, state: State) -> usize {
        let page = self
            .db
            .store
            .deliveries_in_state(self.tenant, state, PageRequest::FIRST);
        page.await.unwrap().rows.len()
    }
}

#[tokio::test]
async fn what_was_held_goes_on_when_its_endpoint_is_enabled() {
    let paused = paused(5).await;
    let store = &paused.db.store;
    let none = store
        .release_held(10, async |_| panic!("it is still paused"))
        .await;
    assert_eq!(none.unwrap(), 0);
    paused.enable().await;
    // The broker confirmed but one of two: the other stays held.
    let released = store.release_held(2, async |batch| {
        assert_eq!(batch.len(), 2);
        assert_eq!(batch[0].due.attempt, number(2));
        assert_eq!(
            batch[0].due.delivery, paused.held[0].delivery,
            "the longest held first"
        );
        assert_eq!(batch[0].event.data, paused.events[0].data);
        vec![batch[0].due.delivery.id]
    });
    assert_eq!(released.await.unwrap(), 1);
    assert_eq!(
        (
            paused.count(State::Held).await,
            paused.count(State::Waiting).await
        ),
        (4, 1)
    );
}

#[tokio::test]
async fn a_late_copy_does_not_hold_again_and_a_later_hold_does() {
    let paused = paused(1).await;
    let store = &paused.db.store;
    paused.enable().await;
    let all = async |batch: Vec<store::held::Release>| -> Vec<DeliveryId> {
        batch.iter().map(|one| one.due.delivery.id).collect()
    };
    assert_eq!(store.release_held(10, all).await.unwrap(), 1);
    store.record_reports(&paused.held).await.unwrap();
    assert_eq!(paused.count(State::Waiting).await, 1);
    let mut later = paused.held.clone();
    later[0].at += time::Duration::minutes(1);
    store.record_reports(&later).await.unwrap();
    assert_eq!(paused.count(State::Held).await, 1);
}

#[tokio::test]
async fn two_sweepers_never_take_the_same() {
    let paused = paused(6).await;
    let store = &paused.db.store;
    paused.enable().await;
    let outer = store.release_held(3, async |first| {
        let inner = store.release_held(10, async |second| {
            let ids: Vec<_> = second.iter().map(|one| one.due.delivery.id).collect();
            assert!(first.iter().all(|one| !ids.contains(&one.due.delivery.id)));
            ids
        });
        assert_eq!(inner.await.unwrap(), 3);
        first.iter().map(|one| one.due.delivery.id).collect()
    });
    assert_eq!(outer.await.unwrap(), 3);
    assert_eq!(paused.count(State::Held).await, 0);
}

#[tokio::test]
async fn what_was_held_for_a_deleted_endpoint_is_cancelled() {
    let paused = paused(3).await;
    let store = &paused.db.store;
    assert_eq!(store.cancel_held(10).await.unwrap(), 0);
    let delete = store.delete_endpoint(paused.tenant, paused.endpoint, Precondition::Any);
    delete.await.unwrap();
    assert_eq!(store.cancel_held(2).await.unwrap(), 2);
    assert_eq!(store.cancel_held(10).await.unwrap(), 1);
    assert_eq!(paused.count(State::Cancelled).await, 3);
}
