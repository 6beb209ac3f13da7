use std::collections::HashSet;

use domain::attempt::Trigger;
use domain::delivery::{Delivery, State};
use domain::id::DeliveryId;
use domain::report::{Extent, Standing};
use store::attempts::AttemptKey;
use store::deliveries::{By, Search};
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
    let day = failed.day();
    assert_eq!(attempts[0].answer, failed.attempt.unwrap().answer);
    assert_eq!(attempts[0].extent, Extent::Truncated);
    assert_eq!(db.store.attempts_of_delivery(other, id).await.unwrap(), []);
    let key = |attempt| AttemptKey {
        delivery: id,
        attempt: number(attempt),
        day,
    };
    let settled = db.store.attempts_settled(&[key(2), key(1)]).await.unwrap();
    assert_eq!(settled, HashSet::from([key(1)]));
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
                    1 => {
                        let search = Search::by(By::Endpoint(endpoint, None));
                        store.deliveries(tenant, &search, page).await
                    }
                    _ => {
                        let search = Search::by(By::State(State::Delivered));
                        store.deliveries(tenant, &search, page).await
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
async fn deliveries_are_searched_by_endpoint_state_type_and_time() {
    let db = Db::new().await;
    let (tenant, other) = (db.tenant().await, db.tenant().await);
    let (here, there) = (endpoint_id(), endpoint_id());
    let at = now();
    let delivered = Standing::Delivered { attempt: number(1) };
    let held = Standing::Held { attempt: number(1) };
    let mut reports = Vec::new();
    for (minute, endpoint, standing) in [
        (0, here, delivered),
        (1, here, held),
        (2, there, held),
        (3, here, delivered),
    ] {
        let mut one = report(&minted(tenant), endpoint, standing);
        one.at = at + time::Duration::minutes(minute);
        reports.push(one);
    }
    db.store.record_reports(&reports).await.unwrap();
    let found = async |tenant, search: Search| {
        let page = db.store.deliveries(tenant, &search, PageRequest::FIRST);
        let rows = page.await.unwrap().rows;
        let place = |one: store::deliveries::DeliveryRecord| {
            let mut reports = reports.iter();
            reports
                .position(|report| report.delivery.id == one.delivery.id)
                .unwrap()
        };
        rows.into_iter().map(place).collect::<Vec<_>>()
    };
    let at_here = |state| Search::by(By::Endpoint(here, state));
    assert_eq!(found(tenant, at_here(None)).await, [3, 1, 0]);
    assert_eq!(found(tenant, at_here(Some(State::Held))).await, [1]);
    let held = || Search::by(By::State(State::Held));
    assert_eq!(found(tenant, held()).await, [2, 1]);
    let since = Some(at + time::Duration::minutes(2));
    assert_eq!(found(tenant, Search { since, ..held() }).await, [2]);
    let until = since;
    assert_eq!(found(tenant, Search { until, ..held() }).await, [1]);
    let event_type = Some("no.such".parse().unwrap());
    assert_eq!(
        found(
            tenant,
            Search {
                event_type,
                ..held()
            }
        )
        .await,
        [0; 0]
    );
    let event_type = Some(reports[1].event_type.clone());
    assert_eq!(
        found(
            tenant,
            Search {
                event_type,
                ..held()
            }
        )
        .await,
        [2, 1]
    );
    for search in [at_here(None), held()] {
        assert_eq!(found(other, search).await, [0; 0]);
    }
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

/// A page that looks at as many rows as it may names where the next one begins, and never by what
/// is another tenant's.
#[tokio::test]
async fn a_search_tells_nothing_of_another_tenant() {
    let db = Db::new().await;
    let (tenant, other) = (db.tenant().await, db.tenant().await);
    let endpoint = endpoint_id();
    let many = format!(
        "insert into deliveries (day, id, tenant_id, event_id, endpoint_id, event_type, state,
                                 attempt, rank, trigger, updated_at)
         select current_date, gen_random_uuid(), '{}', gen_random_uuid(), '{}', 'a.b', 'held', 1, 1,
                'automatic', now()
         from generate_series(1, 5001)",
        tenant.uuid(),
        endpoint.uuid(),
    );
    db.stack.execute(&many).await;
    let delivered = By::Endpoint(endpoint, Some(State::Delivered));
    let next = async |tenant| {
        let search = Search::by(delivered);
        let page = db.store.deliveries(tenant, &search, PageRequest::FIRST);
        let page = page.await.unwrap();
        assert_eq!(page.rows, []);
        page.next
    };
    assert!(next(tenant).await.is_some(), "there may be older ones");
    assert_eq!(next(other).await, None);
}
