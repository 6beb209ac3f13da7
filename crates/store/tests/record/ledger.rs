use std::num::NonZeroU16;
use std::time::Duration;

use domain::attempt::Trigger;
use domain::delivery::{DeadReason, Delivery};
use domain::event::Event;
use domain::id::{DeliveryId, EndpointId, TenantId};
use domain::loss::Horizon;
use domain::report::Standing;
use store::ledger::{Balance, Counts, Ledger, Missing};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::support::{Db, endpoint_id, keyed, matched, minted, now, number, report};

/// An event for each list of endpoints.
async fn record(db: &Db, tenant: TenantId, endpoints: &[&[EndpointId]]) -> Vec<Event> {
    let new: Vec<_> = endpoints
        .iter()
        .map(|endpoints| matched(minted(tenant), endpoints))
        .collect();
    db.store.record(&new).await.unwrap();
    new.into_iter().map(|new| new.event).collect()
}

/// All that came before is judged.
fn everything() -> Option<Horizon> {
    let later = now() + Duration::from_secs(3_600);
    Some(Horizon {
        first: later,
        waiting: later,
    })
}

/// Nothing is old enough.
fn nothing() -> Option<Horizon> {
    Some(Horizon {
        first: OffsetDateTime::UNIX_EPOCH,
        waiting: OffsetDateTime::UNIX_EPOCH,
    })
}

async fn taken(db: &Db, horizon: Option<Horizon>) -> Ledger {
    let taken = db.store.take_ledger(horizon, Some(3)).await.unwrap();
    assert_eq!(db.store.ledger().await.unwrap(), taken);
    taken
}

#[tokio::test]
async fn every_delivery_is_counted_where_it_stands() {
    let db = Db::new().await;
    let (tenant, other) = (db.tenant().await, db.tenant().await);
    assert_eq!(db.store.ledger().await.unwrap().counts, Counts::default());
    let endpoints: Vec<_> = (0..6).map(|_| endpoint_id()).collect();
    let events = record(&db, tenant, &[&endpoints, &[]]).await;
    let theirs = record(&db, other, &[&endpoints[..2]]).await;
    let standings = [
        Standing::Delivered { attempt: number(1) },
        Standing::Waiting {
            attempt: number(2),
            next_attempt_at: now(),
        },
        Standing::Dead {
            attempt: number(3),
            reason: DeadReason::Exhausted,
        },
        Standing::Cancelled { attempt: number(1) },
        Standing::Held { attempt: number(1) },
    ];
    let reports: Vec<_> = standings
        .into_iter()
        .zip(&endpoints)
        .map(|(standing, endpoint)| report(&events[0], *endpoint, standing))
        .collect();
    db.store.record_reports(&reports).await.unwrap();
    let delivered = report(&theirs[0], endpoints[0], standings[0]);
    db.store.record_reports(&[delivered]).await.unwrap();

    let all = taken(&db, nothing()).await;
    let expected = Counts {
        matched: 8,
        replayed: 0,
        delivered: 2,
        waiting: 1,
        dead: 1,
        cancelled: 1,
        held: 1,
    };
    assert_eq!(all.counts, expected);
    assert_eq!((all.counts.recorded(), all.counts.unsettled()), (8, 2));
    assert_eq!(all.fanout_messages, Some(3));
    let mine = db.store.ledger_of(tenant).await.unwrap();
    assert_eq!((mine.counts.recorded(), mine.counts.unsettled()), (6, 1));
    let theirs = db.store.ledger_of(other).await.unwrap();
    assert_eq!((theirs.counts.delivered, theirs.counts.waiting), (1, 0));
    // Taking it again counts nothing twice.
    assert_eq!(taken(&db, nothing()).await.counts, expected);
}

#[tokio::test]
async fn what_is_recorded_or_reported_again_is_not_counted_again() {
    let db = Db::new().await;
    let (tenant, endpoint) = (db.tenant().await, endpoint_id());
    let new = matched(keyed(tenant, "order-7", 1), &[endpoint]);
    db.store.record(std::slice::from_ref(&new)).await.unwrap();
    db.store.record(std::slice::from_ref(&new)).await.unwrap();
    let waiting = Standing::Waiting {
        attempt: number(2),
        next_attempt_at: now(),
    };
    let delivered = Standing::Delivered { attempt: number(2) };
    for standing in [waiting, waiting, delivered, waiting, delivered] {
        let report = report(&new.event, endpoint, standing);
        db.store.record_reports(&[report]).await.unwrap();
    }
    let counts = taken(&db, everything()).await.counts;
    assert_eq!((counts.recorded(), counts.delivered), (1, 1));
    assert_eq!((counts.waiting, counts.unsettled()), (0, 0));
}

#[tokio::test]
async fn releases_replays_and_cancellations_are_counted() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let endpoint = db.endpoint(tenant, "*").await.id;
    let events = record(&db, tenant, &[&[endpoint]]).await;
    let held = report(&events[0], endpoint, Standing::Held { attempt: number(1) });
    db.store.record_reports(&[held]).await.unwrap();
    let rate = NonZeroU16::new(10).unwrap();
    let released = db.store.release_held(rate, now(), async |batch| {
        batch.iter().map(|one| one.due.delivery.id).collect()
    });
    assert_eq!(released.await.unwrap(), 1);
    let replay = Delivery {
        id: DeliveryId::from_uuid(Uuid::now_v7()),
        endpoint,
        trigger: Trigger::Replay,
        replay_of: Some(DeliveryId::first(events[0].id, endpoint)),
    };
    let event = db.store.event(tenant, events[0].id).await.unwrap();
    db.store
        .insert_replay(&replay, &event, now())
        .await
        .unwrap();

    let counts = taken(&db, nothing()).await.counts;
    let expected = Counts {
        matched: 1,
        replayed: 1,
        waiting: 2,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn it_balances_until_something_should_have_been_heard_of() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let endpoints = [endpoint_id(), endpoint_id()];
    let events = record(&db, tenant, &[&endpoints]).await;
    let unknown = taken(&db, None).await;
    assert_eq!(
        (unknown.balance(), unknown.balanced_at),
        (Balance::Unknown, None)
    );
    let young = taken(&db, nothing()).await;
    assert_eq!(young.balance(), Balance::Balanced);
    assert_eq!(young.balanced_at, Some(young.taken_at));

    let old = taken(&db, everything()).await;
    assert_eq!(old.balance(), Balance::Unbalanced);
    assert_eq!(
        old.missing,
        Missing {
            first: 2,
            waiting: 0
        }
    );
    assert_eq!(old.balanced_at, young.balanced_at);
    let part = db.store.ledger_of(tenant).await.unwrap();
    assert_eq!(
        (part.balance(), part.missing),
        (Balance::Unbalanced, old.missing)
    );
    let other = db.store.ledger_of(db.tenant().await).await.unwrap();
    assert_eq!(other.balance(), Balance::Balanced);

    let delivered = Standing::Delivered { attempt: number(1) };
    let overdue = Standing::Waiting {
        attempt: number(2),
        next_attempt_at: now() - Duration::from_secs(60),
    };
    let reports = [
        report(&events[0], endpoints[0], delivered),
        report(&events[0], endpoints[1], overdue),
    ];
    db.store.record_reports(&reports).await.unwrap();
    let overdue = taken(&db, everything()).await;
    assert_eq!(
        overdue.missing,
        Missing {
            first: 0,
            waiting: 1
        }
    );
    let arrived = report(&events[0], endpoints[1], delivered);
    db.store.record_reports(&[arrived]).await.unwrap();
    let settled = taken(&db, everything()).await;
    assert_eq!(settled.balance(), Balance::Balanced);
    assert_eq!(settled.balanced_at, Some(settled.taken_at));
}

/// The two sides are counted apart: who tampers with one is found out.
#[tokio::test]
async fn a_row_that_vanishes_or_comes_from_nowhere_unbalances_it() {
    let db = Db::new().await;
    let (tenant, endpoint) = (db.tenant().await, endpoint_id());
    let events = record(&db, tenant, &[&[endpoint]]).await;
    let delivered = Standing::Delivered { attempt: number(1) };
    let reports = [report(&events[0], endpoint, delivered)];
    db.store.record_reports(&reports).await.unwrap();
    assert_eq!(taken(&db, everything()).await.balance(), Balance::Balanced);

    db.stack.execute("delete from deliveries").await;
    let vanished = taken(&db, everything()).await;
    assert_eq!(vanished.balance(), Balance::Unbalanced);
    assert_eq!(vanished.missing.first, 1);

    db.store.record_reports(&reports).await.unwrap();
    assert_eq!(taken(&db, everything()).await.balance(), Balance::Balanced);
    let of_no_event = report(&events[0], endpoint_id(), delivered);
    db.store.record_reports(&[of_no_event]).await.unwrap();
    assert_eq!(taken(&db, nothing()).await.balance(), Balance::Unbalanced);
}

#[tokio::test]
async fn a_dropped_day_is_dropped_from_the_ledger() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let mut old = minted(tenant);
    old.accepted_at = now() - Duration::from_secs(86_400 * 90);
    let day = old.accepted_at.date();
    db.store.ensure_partitions_for(&[day]).await.unwrap();
    let young = minted(tenant);
    let both = [
        matched(old, &[endpoint_id()]),
        matched(young, &[endpoint_id()]),
    ];
    db.store.record(&both).await.unwrap();
    assert_eq!(taken(&db, everything()).await.missing.first, 2);
    let today = day.next_day().unwrap();
    db.store.drop_partitions_before(today).await.unwrap();
    let left = taken(&db, everything()).await;
    assert_eq!((left.counts.recorded(), left.missing.first), (1, 1));
    let backlogs = db.store.backlogs(5).await.unwrap();
    assert_eq!((backlogs.len(), backlogs[0].unsettled), (1, 1));
}

/// Sums of days that were there before the sums over all days are counted by the migration.
#[tokio::test]
async fn backlogs_of_before_are_counted_once() {
    const MIGRATION: &str = include_str!("../../migrations/V26__bounded_lists.sql");
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let endpoints = [endpoint_id(), endpoint_id(), endpoint_id()];
    let events = record(&db, tenant, &[&endpoints]).await;
    let waiting = Standing::Waiting {
        attempt: number(2),
        next_attempt_at: now(),
    };
    let report = report(&events[0], endpoints[0], waiting);
    db.store.record_reports(&[report]).await.unwrap();
    db.store.post_ledger().await.unwrap();
    let counted = db.store.backlogs(5).await.unwrap();
    assert_eq!((counted[0].waiting, counted[0].unsettled), (1, 2));

    let (_, counting) = MIGRATION
        .split_once("-- What was there before is counted once.")
        .unwrap();
    let (counting, _) = counting.split_once("\n\n").unwrap();
    let again = format!("truncate ledger_open; -- {counting}");
    db.stack.execute(&again).await;
    assert_eq!(db.store.backlogs(5).await.unwrap(), counted);
}

#[tokio::test]
async fn minutes_are_kept_for_as_long_as_they_differ() {
    let db = Db::new().await;
    let (tenant, endpoint) = (db.tenant().await, endpoint_id());
    let events = record(&db, tenant, &[&[endpoint]]).await;
    taken(&db, nothing()).await;
    let long_ago = "update ledger_minutes set last_moved_at = now() - interval '1 day'";
    db.stack.execute(long_ago).await;
    taken(&db, nothing()).await;
    let minutes = async || db.value("select count(*) from ledger_minutes").await;
    assert_eq!(minutes().await, "1");
    let delivered = Standing::Delivered { attempt: number(1) };
    let report = report(&events[0], endpoint, delivered);
    db.store.record_reports(&[report]).await.unwrap();
    taken(&db, nothing()).await;
    assert_eq!(minutes().await, "1", "what was moved just now is kept");
    db.stack.execute(long_ago).await;
    taken(&db, nothing()).await;
    assert_eq!(minutes().await, "0");
}

#[tokio::test]
async fn two_processes_post_nothing_twice() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    for _ in 0..20 {
        record(&db, tenant, &[&[endpoint_id()]]).await;
    }
    let take = || db.store.take_ledger(nothing(), None);
    let (a, b, c) = tokio::join!(take(), take(), take());
    for taken in [a, b, c] {
        assert_eq!(taken.unwrap().counts.recorded(), 20);
    }
}

/// A record that was there before the ledger is counted by the migration.
#[tokio::test]
async fn what_was_there_before_is_counted_once() {
    const MIGRATION: &str = include_str!("../../migrations/V19__ledger.sql");
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let endpoints = [endpoint_id(), endpoint_id()];
    let events = record(&db, tenant, &[&endpoints, &endpoints[..1]]).await;
    let delivered = Standing::Delivered { attempt: number(1) };
    let reports = [
        report(&events[0], endpoints[0], delivered),
        report(&events[1], endpoints[0], delivered),
    ];
    db.store.record_reports(&reports).await.unwrap();
    let counted = taken(&db, everything()).await;
    assert_eq!((counted.counts.recorded(), counted.missing.first), (3, 1));

    let forget = "truncate ledger_moves, ledger_days, ledger_minutes";
    db.stack.execute(forget).await;
    let (_, counting) = MIGRATION
        .split_once("-- What was there before is counted once.")
        .unwrap();
    db.stack.execute(&format!("-- {counting}")).await;
    let again = taken(&db, everything()).await;
    assert_eq!(
        (again.counts, again.missing),
        (counted.counts, counted.missing)
    );
}
