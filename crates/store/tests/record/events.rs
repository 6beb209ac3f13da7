use bytes::Bytes;
use domain::dispatch::Payload;
use domain::event::Event;
use domain::id::IngestId;
use domain::limits;
use domain::schema::Violation;
use domain::trace::TraceContext;
use store::events::{Fingerprint, Keyed, Recorded, Sought, Verdict};
use store::{Live, PageRequest, StoreError, SubscriptionDirectory};
use time::{Date, Duration};
use uuid::Uuid;

use crate::support::{Db, endpoint_id, keyed, matched, minted, now};

fn again(event: &Event) -> Event {
    Event {
        ingest_id: IngestId::from_uuid(Uuid::new_v4()),
        ..event.clone()
    }
}

fn day(event: &Event) -> Date {
    event.accepted_at.to_utc().date()
}

const SAME: Verdict = Verdict::Repeat {
    fingerprint: Fingerprint::Same,
};
const DIFFERENT: Verdict = Verdict::Repeat {
    fingerprint: Fingerprint::Different,
};

#[tokio::test]
async fn what_was_recorded_comes_back_byte_for_byte() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let endpoints = [endpoint_id(), endpoint_id(), endpoint_id()];
    let plain = minted(tenant);
    let full = Event {
        data: Bytes::from_static(b"\"\\u0000\0 1e400 \xF0\x9F\x9A\x80\""),
        channels: vec!["eu".parse().unwrap(), "b2b".parse().unwrap()],
        timestamp: now() - Duration::days(40),
        trace: TraceContext {
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
            tracestate: "a=\0b".into(),
        },
        ..minted(tenant)
    };
    let batch = [
        matched(plain.clone(), &[]),
        matched(full.clone(), &endpoints),
        matched(minted(tenant), &endpoints[..1]),
    ];
    let verdicts = db.store.record(&batch).await.unwrap();
    assert_eq!(verdicts, [Verdict::New, Verdict::New, Verdict::New]);

    let stored = db.store.event(tenant, full.id).await.unwrap();
    assert_eq!(stored.data, full.data);
    assert_eq!(stored.summary.channels, full.channels);
    assert_eq!(stored.summary.endpoints, endpoints);
    assert_eq!(stored.summary.timestamp, full.timestamp);
    assert_eq!(stored.trace.traceparent, full.trace.traceparent);
    assert_eq!(stored.trace.tracestate, "a=\u{fffd}b");
    assert_eq!(stored.content().payload, Payload::Inline(full.data.clone()));
    let stored = db.store.event(tenant, plain.id).await.unwrap();
    assert_eq!(
        (stored.summary.endpoints, stored.summary.channels),
        (vec![], vec![])
    );

    let payload = db.store.payload(full.id, day(&full)).await.unwrap();
    assert_eq!(payload, Some(full.data));
    let other_day = day(&plain).next_day().unwrap();
    assert_eq!(db.store.payload(plain.id, other_day).await.unwrap(), None);
}

#[tokio::test]
async fn violations_are_kept_with_the_event_that_has_them() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let violation = |pointer: &str| Violation {
        pointer: pointer.into(),
        detail: "required: the member \"\0\" is missing".into(),
    };
    let good = minted(tenant);
    let bad = Event {
        violations: vec![violation(""), violation("/a%20b")],
        ..minted(tenant)
    };
    let batch = [&good, &bad, &minted(tenant)].map(|event| matched(event.clone(), &[]));
    db.store.record(&batch).await.unwrap();
    for event in [good, bad] {
        let detail = db.store.event_detail(tenant, event.id).await.unwrap();
        assert_eq!(detail.violations, event.violations);
        assert_eq!(detail.summary.id, event.id);
        assert_eq!(detail.summary.data_bytes as usize, event.data.len());
        let other = db.tenant().await;
        let error = db.store.event_detail(other, event.id).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound));
    }
}

#[tokio::test]
async fn a_large_payload_travels_by_reference() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let large = Event {
        data: Bytes::from(vec![b'1'; limits::INLINE_PAYLOAD_BYTES + 1]),
        ..minted(tenant)
    };
    db.store
        .record(&[matched(large.clone(), &[])])
        .await
        .unwrap();
    let stored = db.store.event(tenant, large.id).await.unwrap();
    assert_eq!(stored.content().payload, Payload::Stored);
}

#[tokio::test]
async fn another_tenant_sees_nothing() {
    let db = Db::new().await;
    let (tenant, other) = (db.tenant().await, db.tenant().await);
    let [event] = &db.events(tenant, 1).await[..] else {
        panic!()
    };
    let error = db.store.event(other, event.id).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound));
    let page = db
        .store
        .events(other, &Sought::default(), PageRequest::FIRST)
        .await
        .unwrap();
    assert_eq!((page.rows.len(), page.next), (0, None));
}

#[tokio::test]
async fn a_redelivery_goes_to_the_endpoints_of_the_first_time() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let first = [endpoint_id(), endpoint_id()];
    for event in [minted(tenant), keyed(tenant, "order-1", 1)] {
        let new = matched(event.clone(), &first);
        assert_eq!(db.store.record(&[new]).await.unwrap(), [Verdict::New]);
        let later = matched(event, &[endpoint_id()]);
        let verdict = Verdict::Redelivered {
            endpoints: first.to_vec(),
        };
        assert_eq!(db.store.record(&[later]).await.unwrap(), [verdict]);
    }
}

#[tokio::test]
async fn a_repeat_is_dropped_and_a_conflict_counted() {
    let db = Db::new().await;
    let (tenant, other) = (db.tenant().await, db.tenant().await);
    let first = keyed(tenant, "order-1", 1);
    let batch = [
        matched(first.clone(), &[]),
        matched(keyed(other, "order-1", 1), &[]),
    ];
    let verdicts = db.store.record(&batch).await.unwrap();
    assert_eq!(verdicts, [Verdict::New, Verdict::New]);
    // Also on another day than the first.
    let late = Event {
        accepted_at: now() + Duration::days(1),
        ..again(&first)
    };
    let batch = [
        matched(late, &[]),
        matched(keyed(tenant, "order-1", 2), &[]),
        matched(keyed(tenant, "order-2", 1), &[]),
        matched(keyed(tenant, "order-1", 3), &[]),
    ];
    let verdicts = db.store.record(&batch).await.unwrap();
    assert_eq!(verdicts, [SAME, DIFFERENT, Verdict::New, DIFFERENT]);
    let counted = "select sum(conflicts) from idempotency_keys where conflicts > 0";
    assert_eq!(db.value(counted).await, "2");
    assert_eq!(db.value("select count(*) from events").await, "3");
}

#[tokio::test]
async fn one_batch_may_hold_an_event_several_times() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let (plain, first) = (minted(tenant), keyed(tenant, "order-1", 1));
    let endpoints = [endpoint_id()];
    let redelivered = || Verdict::Redelivered {
        endpoints: endpoints.to_vec(),
    };
    let batch = [
        matched(first.clone(), &endpoints),
        matched(first.clone(), &endpoints),
        matched(again(&first), &endpoints),
        matched(keyed(tenant, "order-1", 2), &endpoints),
        matched(plain.clone(), &endpoints),
        matched(plain, &endpoints),
    ];
    let verdicts = db.store.record(&batch).await.unwrap();
    let expected = [
        Verdict::New,
        redelivered(),
        SAME,
        DIFFERENT,
        Verdict::New,
        redelivered(),
    ];
    assert_eq!(verdicts, expected);
}

#[tokio::test]
async fn of_many_acceptances_at_once_one_is_new() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let keys: Vec<String> = (0..20).map(|key| format!("order-{key}")).collect();
    let records = (0..8).map(|turn| {
        let mut batch: Vec<_> = keys
            .iter()
            .map(|key| matched(keyed(tenant, key, 1), &[]))
            .collect();
        // Each in an order of its own: what deadlocks would, here.
        batch.rotate_left(turn * 2);
        let store = db.store.clone();
        tokio::spawn(async move { store.record(&batch).await.unwrap() })
    });
    let mut verdicts = Vec::new();
    for record in records.collect::<Vec<_>>() {
        verdicts.extend(record.await.unwrap());
    }
    let new = verdicts.iter().filter(|verdict| **verdict == Verdict::New);
    assert_eq!(new.count(), keys.len());
    let dropped = verdicts.iter().filter(|verdict| **verdict == SAME);
    assert_eq!(dropped.count(), keys.len() * 7);
}

#[tokio::test]
async fn an_empty_batch_is_nothing() {
    let db = Db::new().await;
    assert_eq!(db.store.record(&[]).await.unwrap(), []);
    db.store.record_reports(&[]).await.unwrap();
    db.store.insert_dead_letters(&[]).await.unwrap();
}

#[tokio::test]
async fn pages_have_no_gap_and_no_repeat() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let instant = now();
    // Many of one instant, on both sides of midnight.
    let batch: Vec<_> = (0..23)
        .map(|at| Event {
            accepted_at: instant + Duration::days(at / 10),
            event_type: if at % 2 == 0 { "a.b" } else { "a.c" }.parse().unwrap(),
            ..minted(tenant)
        })
        .map(|event| matched(event, &[]))
        .collect();
    db.store.record(&batch).await.unwrap();
    let odd = Sought {
        event_type: Some("a.c".parse().unwrap()),
        ..Sought::default()
    };
    let window = Sought {
        since: Some(instant),
        until: Some(instant + Duration::days(1)),
        ..Sought::default()
    };
    let both = Sought {
        since: Some(instant + Duration::days(1)),
        ..odd.clone()
    };
    for (sought, expected) in [(Sought::default(), 23), (odd, 11), (window, 10), (both, 6)] {
        let mut seen = Vec::new();
        let mut page = PageRequest {
            after: None,
            rows: 4,
        };
        loop {
            let read = db.store.events(tenant, &sought, page).await.unwrap();
            assert!(read.rows.len() <= 4);
            seen.extend(read.rows.iter().map(|row| (row.accepted_at, row.id)));
            // What comes in meanwhile is newer and must not disturb.
            db.events(tenant, 1).await;
            match read.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        let all: Vec<_> = batch.iter().map(|new| new.event.id).collect();
        seen.retain(|(_, id)| all.contains(id));
        assert_eq!(seen.len(), expected);
        assert!(seen.windows(2).all(|pair| pair[0] > pair[1]));
    }
}

#[tokio::test]
async fn keys_are_forgotten_after_their_window() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let first = keyed(tenant, "order-1", 1);
    db.store
        .record(&[matched(first.clone(), &[])])
        .await
        .unwrap();
    let end = first.accepted_at + limits::IDEMPOTENCY_WINDOW;
    let known = async || db.store.event_detail(tenant, first.id).await.unwrap().key;
    let key = Keyed {
        expires_at: Some(end),
        conflicts: 0,
    };
    assert_eq!(known().await, Some(key));
    let forgotten = db
        .store
        .forget_idempotency_keys(end - Duration::SECOND)
        .await;
    assert_eq!(forgotten.unwrap(), 0);
    let forgotten = db
        .store
        .forget_idempotency_keys(end + Duration::SECOND)
        .await;
    assert_eq!(forgotten.unwrap(), 1);
    let key = Keyed {
        expires_at: None,
        ..key
    };
    assert_eq!(known().await, Some(key));
}

/// Matched before an endpoint was saved, events are not recorded, whether they have a key or not; a
/// key that such a batch claimed is free again.
#[tokio::test]
async fn what_was_matched_too_early_is_not_recorded() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let live: Live<SubscriptionDirectory> = Live::new(&db.store);
    let (before, _) = live.newest().await.unwrap();
    db.endpoint(tenant, "*").await;
    let (now, _) = live.newest().await.unwrap();
    assert_ne!(before, now);
    let batches = [
        vec![matched(minted(tenant), &[])],
        vec![
            matched(keyed(tenant, "k", 1), &[]),
            matched(minted(tenant), &[]),
        ],
    ];
    for batch in batches {
        let recorded = db.store.record_if(&batch, Some(before)).await.unwrap();
        assert_eq!(recorded, Recorded::Moved);
        for new in &batch {
            let stored = db.store.event(tenant, new.event.id).await;
            assert!(matches!(stored, Err(StoreError::NotFound)), "{stored:?}");
        }
        let verdicts = vec![Verdict::New; batch.len()];
        let recorded = db.store.record_if(&batch, Some(now)).await.unwrap();
        assert_eq!(recorded, Recorded::Yes(verdicts));
    }
    let nothing = db.store.record_if(&[], Some(before)).await.unwrap();
    assert_eq!(nothing, Recorded::Yes(vec![]));
}
