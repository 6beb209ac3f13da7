use domain::attempt::Trigger;
use domain::delivery::{Delivery, State};
use domain::id::DeliveryId;
use domain::report::{Extent, Standing};
use store::{PageRequest, StoreError};
use uuid::Uuid;

use crate::support::{Db, answered, endpoint_id, minted, now, number, report};

#[tokio::test]
async fn a_delivery_and_its_attempts_are_found_by_their_tenant_alone() {
    let db = Db::new().await;
    let (tenant, other) = (db.tenant().await, db.tenant().await);
    let (event, endpoint) = (minted(tenant), endpoint_id());
    let standing = Standing::Waiting {
        attempt: number(2),
        next_attempt_at: now() + time::Duration::SECOND,
    };
    let mut failed = report(&event, endpoint, standing);
    failed.attempt = Some(answered(1, 503));
    db.store
        .record_reports(std::slice::from_ref(&failed))
        .await
        .unwrap();

    let id = failed.delivery.id;
    let found = db.store.delivery(tenant, id).await.unwrap();
    assert_eq!(
        (found.delivery, found.standing),
        (failed.delivery, standing)
    );
    assert_eq!(
        (found.event, found.day, found.updated_at),
        (event.id, failed.day(), failed.at)
    );
    let last = found.last_attempt.unwrap();
    assert_eq!(
        (last.number, last.status, &*last.outcome),
        (number(1), Some(503), "http_error")
    );
    let error = db.store.delivery(other, id).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound));

    let attempts = db.store.attempts_of_delivery(tenant, id).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].answer, failed.attempt.unwrap().answer);
    assert_eq!(attempts[0].extent, Extent::Truncated);
    assert_eq!(db.store.attempts_of_delivery(other, id).await.unwrap(), []);
    let settled = |attempt| {
        db.store
            .attempt_settled(id, number(attempt), failed.accepted_at.date())
    };
    assert!(settled(1).await.unwrap());
    assert!(!settled(2).await.unwrap());
}

#[tokio::test]
async fn lists_by_event_endpoint_and_state_have_no_gap_and_no_repeat() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let (event, endpoint) = (minted(tenant), endpoint_id());
    let at = now();
    let delivered = Standing::Delivered { attempt: number(1) };
    let mut reports = Vec::new();
    for _ in 0..9 {
        reports.push(report(&event, endpoint_id(), delivered));
        reports.push(report(&minted(tenant), endpoint, delivered));
    }
    for report in &mut reports {
        report.at = at;
        report.attempt = Some(answered(1, 200));
        report.attempt.as_mut().unwrap().started_at = at;
    }
    db.store.record_reports(&reports).await.unwrap();

    for (list, expected) in [9, 9, 18, 9].into_iter().enumerate() {
        let mut page = PageRequest {
            after: None,
            rows: 4,
        };
        let mut seen = Vec::new();
        loop {
            let store = &db.store;
            let (rows, next) = if list == 3 {
                let read = store
                    .attempts_of_endpoint(tenant, endpoint, page)
                    .await
                    .unwrap();
                (
                    read.rows.iter().map(|one| one.delivery).collect(),
                    read.next,
                )
            } else {
                let read = match list {
                    0 => store.deliveries_of_event(tenant, event.id, page).await,
                    1 => store.deliveries_of_endpoint(tenant, endpoint, page).await,
                    _ => {
                        store
                            .deliveries_in_state(tenant, State::Delivered, page)
                            .await
                    }
                };
                let read = read.unwrap();
                let ids: Vec<DeliveryId> = read.rows.iter().map(|one| one.delivery.id).collect();
                (ids, read.next)
            };
            seen.extend(rows);
            page.after = next;
            if next.is_none() {
                break;
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), expected, "list {list}");
    }
    let other = db.tenant().await;
    let page = db
        .store
        .deliveries_of_event(other, event.id, PageRequest::FIRST)
        .await;
    assert_eq!(page.unwrap().rows, []);
}

#[tokio::test]
async fn a_replay_waits_until_it_reports() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let [event] = &db.events(tenant, 1).await[..] else {
        panic!()
    };
    let event = db.store.event(tenant, event.id).await.unwrap();
    let replay = Delivery {
        id: DeliveryId::from_uuid(Uuid::new_v4()),
        endpoint: endpoint_id(),
        trigger: Trigger::Replay,
        replay_of: Some(DeliveryId::from_uuid(Uuid::new_v4())),
    };
    let at = now();
    for _ in 0..2 {
        db.store.insert_replay(&replay, &event, at).await.unwrap();
    }
    let found = db.store.delivery(tenant, replay.id).await.unwrap();
    let standing = Standing::Waiting {
        attempt: number(1),
        next_attempt_at: at,
    };
    assert_eq!((found.delivery, found.standing), (replay, standing));
    assert_eq!(found.last_attempt, None);
}
