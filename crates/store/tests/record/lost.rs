use std::collections::BTreeSet;
use std::time::Duration;

use domain::attempt::Trigger;
use domain::event::Event;
use domain::id::{DeliveryId, EndpointId, TenantId};
use domain::report::Standing;
use store::held::Release;
use store::lost::{Batch, OpenMinute};
use store::{Cursor, PageRequest};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::support::{Db, endpoint_id, matched, minted, now, number, report};

/// All that came before counts.
fn soon() -> OffsetDateTime {
    now() + Duration::from_secs(3_600)
}

fn ids(batch: &[Release]) -> Vec<DeliveryId> {
    batch.iter().map(|one| one.due.delivery.id).collect()
}

fn beginning(minute: OpenMinute) -> Cursor {
    Cursor {
        at: minute.minute,
        id: Uuid::nil(),
    }
}

/// Events of one minute with so many endpoints each, of which the first is delivered.
struct Half {
    db: Db,
    tenant: TenantId,
    endpoints: Vec<EndpointId>,
    events: Vec<Event>,
}

async fn half(events: usize, endpoints: usize) -> Half {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let endpoints: Vec<_> = (0..endpoints).map(|_| endpoint_id()).collect();
    let minute = now().replace_second(0).unwrap();
    let new = (0..events).map(|place| {
        let mut event = minted(tenant);
        event.accepted_at = minute + Duration::from_millis(u64::try_from(place).unwrap());
        matched(event, &endpoints)
    });
    let new: Vec<_> = new.collect();
    db.store.record(&new).await.unwrap();
    let events: Vec<_> = new.into_iter().map(|new| new.event).collect();
    let delivered = Standing::Delivered { attempt: number(1) };
    let reports = events
        .iter()
        .map(|event| report(event, endpoints[0], delivered));
    db.store
        .record_reports(&reports.collect::<Vec<_>>())
        .await
        .unwrap();
    db.store.take_ledger(None, None).await.unwrap();
    Half {
        db,
        tenant,
        endpoints,
        events,
    }
}

impl Half {
    async fn minute(&self) -> OpenMinute {
        let minutes = self.db.store.open_minutes(soon(), None).await.unwrap();
        let [minute] = minutes[..] else {
            panic!("{minutes:?}")
        };
        assert_eq!(minute.tenant, self.tenant);
        minute
    }
}

#[tokio::test]
async fn first_deliveries_without_a_row_are_found_in_their_order() {
    let half = half(3, 3).await;
    let (store, minute) = (&half.db.store, half.minute().await);
    assert_eq!(store.count_unreported(minute).await.unwrap(), 6);
    let (mut from, mut sent, mut batches) = (beginning(minute), Vec::new(), 0);
    loop {
        let batch = store.send_unreported(minute, from, 4, async |lost| {
            for one in &lost {
                assert_eq!(one.due.attempt, number(1));
                assert_eq!(one.due.delivery.trigger, Trigger::Automatic);
                assert_ne!(one.due.delivery.endpoint, half.endpoints[0]);
                assert_eq!(one.event.data, half.events[0].data);
            }
            sent.extend(ids(&lost));
            ids(&lost)
        });
        let batch = batch.await.unwrap();
        assert_eq!(batch.found, batch.published);
        batches += 1;
        match batch.next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!((sent.len(), batches), (6, 2));
    let expected: BTreeSet<_> = half
        .events
        .iter()
        .flat_map(|event| {
            half.endpoints[1..]
                .iter()
                .map(|to| DeliveryId::first(event.id, *to))
        })
        .collect();
    assert_eq!(sent.into_iter().collect::<BTreeSet<_>>(), expected);
    // They are on record now, and not found again.
    assert_eq!(store.count_unreported(minute).await.unwrap(), 0);
    let page = PageRequest::FIRST;
    let of_event = store.deliveries_of_event(half.tenant, half.events[0].id, page);
    let waiting = of_event.await.unwrap().rows.into_iter().filter(
        |one| matches!(one.standing, Standing::Waiting { attempt, .. } if attempt == number(1)),
    );
    assert_eq!(waiting.count(), 2);
    store.take_ledger(None, None).await.unwrap();
    assert_eq!(store.open_minutes(soon(), None).await.unwrap(), []);
}

#[tokio::test]
async fn what_the_broker_did_not_confirm_stays_lost() {
    let half = half(1, 3).await;
    let (store, minute) = (&half.db.store, half.minute().await);
    let one = store.send_unreported(minute, beginning(minute), 10, async |lost| {
        vec![lost[0].due.delivery.id]
    });
    let expected = Batch {
        found: 2,
        published: 1,
        next: None,
    };
    assert_eq!(one.await.unwrap(), expected);
    assert_eq!(store.count_unreported(minute).await.unwrap(), 1);
}

#[tokio::test]
async fn a_report_that_came_meanwhile_stands() {
    let half = half(1, 2).await;
    let (store, minute) = (&half.db.store, half.minute().await);
    let delivered = Standing::Delivered { attempt: number(1) };
    let late = report(&half.events[0], half.endpoints[1], delivered);
    let sent = store.send_unreported(minute, beginning(minute), 10, async |lost| {
        store
            .record_reports(std::slice::from_ref(&late))
            .await
            .unwrap();
        ids(&lost)
    });
    assert_eq!(sent.await.unwrap().published, 1);
    let found = store.delivery(half.tenant, late.delivery.id).await.unwrap();
    assert_eq!(found.standing, delivered);
    let counts = store.take_ledger(None, None).await.unwrap().counts;
    assert_eq!((counts.delivered, counts.unsettled()), (2, 0));
}

#[tokio::test]
async fn minutes_are_listed_in_order_and_none_that_still_moves() {
    let half = half(1, 2).await;
    let store = &half.db.store;
    let earlier = now() - Duration::from_secs(86_400);
    let mut old = minted(half.tenant);
    old.accepted_at = earlier;
    store
        .record(&[matched(old, &half.endpoints)])
        .await
        .unwrap();
    store.take_ledger(None, None).await.unwrap();
    let all = store.open_minutes(soon(), None).await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(all[0].minute < all[1].minute);
    let after = store.open_minutes(soon(), Some(all[0])).await.unwrap();
    assert_eq!(after, all[1..]);
    let moving = store.open_minutes(now() - Duration::from_secs(60), None);
    assert_eq!(moving.await.unwrap(), []);
}

#[tokio::test]
async fn deliveries_that_wait_for_too_long_are_found_the_longest_first() {
    let half = half(3, 1).await;
    let store = &half.db.store;
    let due = now() - Duration::from_secs(60);
    let waiting = |place: u64| Standing::Waiting {
        attempt: number(4),
        next_attempt_at: due + Duration::from_secs(place * 30),
    };
    let endpoint = endpoint_id();
    let reports: Vec<_> = [2, 0, 1]
        .into_iter()
        .zip(&half.events)
        .map(|(place, event)| report(event, endpoint, waiting(place)))
        .collect();
    store.record_reports(&reports).await.unwrap();
    // The third is not due yet.
    let before = due + Duration::from_secs(45);
    assert_eq!(store.count_overdue(before).await.unwrap(), 2);
    let first = store.send_overdue(before, 1, async |lost| {
        assert_eq!(ids(&lost), [reports[1].delivery.id]);
        assert_eq!(lost[0].due.attempt, number(4));
        ids(&lost)
    });
    assert!(first.await.unwrap().next.is_some());
    let second = store.send_overdue(before, 10, async |lost| {
        assert_eq!(ids(&lost), [reports[2].delivery.id]);
        Vec::new()
    });
    let unconfirmed = Batch {
        found: 1,
        published: 0,
        next: None,
    };
    assert_eq!(second.await.unwrap(), unconfirmed);
    assert_eq!(store.count_overdue(before).await.unwrap(), 1);
    // What was sent is due now, and its report is taken.
    let delivered = Standing::Delivered { attempt: number(4) };
    let arrived = report(&half.events[1], endpoint, delivered);
    store.record_reports(&[arrived]).await.unwrap();
    let found = store.delivery(half.tenant, reports[1].delivery.id).await;
    assert_eq!(found.unwrap().standing, delivered);
}
