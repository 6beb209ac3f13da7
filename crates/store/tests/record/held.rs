use std::num::NonZeroU16;

use domain::delivery::State;
use domain::event::Event;
use domain::id::{DeliveryId, EndpointId, TenantId};
use domain::report::{Report, Standing};
use store::PageRequest;
use store::deliveries::{By, Search};
use store::endpoints::{Precondition, Switch};
use store::held::Release;
use time::OffsetDateTime;

use crate::support::{Db, now, number, report};

/// The broker confirms all.
async fn all(batch: Vec<Release>) -> Vec<DeliveryId> {
    batch.iter().map(|one| one.due.delivery.id).collect()
}

fn rate(rate: u16) -> NonZeroU16 {
    NonZeroU16::new(rate).unwrap()
}

/// An instant so many seconds after one that is long to come.
fn second(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::days(36_500) + time::Duration::seconds(seconds)
}

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
        let search = Search::by(By::State(state));
        let page = self
            .db
            .store
            .deliveries(self.tenant, &search, PageRequest::FIRST);
        page.await.unwrap().rows.len()
    }
}

#[tokio::test]
async fn what_was_held_goes_on_when_its_endpoint_is_enabled() {
    let paused = paused(5).await;
    let store = &paused.db.store;
    let none = store
        .release_held(rate(10), second(0), async |_| panic!("it is still paused"))
        .await;
    assert_eq!(none.unwrap(), 0);
    paused.enable().await;
    // The broker confirmed but one of two: the other stays held.
    let released = store.release_held(rate(2), second(0), async |batch| {
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
    assert_eq!(
        store.release_held(rate(1_000), now(), all).await.unwrap(),
        1
    );
    store.record_reports(&paused.held).await.unwrap();
    assert_eq!(paused.count(State::Waiting).await, 1);
    let mut later = paused.held.clone();
    later[0].at += time::Duration::minutes(1);
    store.record_reports(&later).await.unwrap();
    assert_eq!(paused.count(State::Held).await, 1);
}

#[tokio::test]
async fn several_consoles_share_one_rate() {
    let paused = paused(9).await;
    let store = &paused.db.store;
    paused.enable().await;
    let release = async |now| store.release_held(rate(4), now, all).await.unwrap();
    let first = store.release_held(rate(4), second(0), async |first| {
        assert_eq!(release(second(0)).await, 0, "another has its turn");
        all(first).await
    });
    assert_eq!(first.await.unwrap(), 4);
    assert_eq!(release(second(0)).await, 0, "the second's are gone");
    let half = second(0) + time::Duration::milliseconds(500);
    assert_eq!(release(half).await, 2);
    assert_eq!(release(half).await, 0);
    assert_eq!(release(second(60)).await, 3, "all that is left");
    assert_eq!(paused.count(State::Held).await, 0);
}

#[tokio::test]
async fn endpoints_take_turns_and_each_has_its_order() {
    let paused = paused(20).await;
    let (db, tenant) = (&paused.db, paused.tenant);
    let other = db.endpoint(tenant, "*").await.id;
    let events = db.events(tenant, 3).await;
    let standing = Standing::Held { attempt: number(1) };
    let begun = now() + time::Duration::HOUR;
    // Reported in another order than they were held in.
    let late = (0i64..).zip(&events).map(|(place, event)| Report {
        at: begun + time::Duration::milliseconds(place),
        ..report(event, other, standing)
    });
    let mut late: Vec<_> = late.collect();
    late.reverse();
    db.store.record_reports(&late).await.unwrap();
    paused.enable().await;
    let mut released = Vec::new();
    let release = db.store.release_held(rate(6), second(0), async |batch| {
        released = batch.iter().map(|one| one.due.delivery).collect();
        all(batch).await
    });
    assert_eq!(release.await.unwrap(), 6);
    let of = |endpoint| {
        let of = released.iter().filter(|one| one.endpoint == endpoint);
        of.map(|one| one.id).collect::<Vec<_>>()
    };
    let ids = |reports: &[Report]| -> Vec<DeliveryId> {
        reports.iter().map(|one| one.delivery.id).collect()
    };
    assert_eq!(of(paused.endpoint), ids(&paused.held[..3]));
    let mut in_order = ids(&late);
    in_order.reverse();
    assert_eq!(of(other), in_order, "it waits for nobody else's backlog");
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
