//! Endpoints in trouble, and tenants that wait, over the whole platform.

use domain::breaker::{BreakerNotice, BreakerStanding, BreakerState, KEPT};
use domain::endpoint::EndpointState;
use domain::id::{DispatcherId, EndpointId};
use domain::report::{Report, Standing};
use store::endpoints::{EndpointRecord, Precondition, Switch};
use store::page::PageRequest;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::support::{Db, answered, matched, minted, now, number, report};

/// A report of a first attempt that was answered 500 then.
fn failed(endpoint: &EndpointRecord, at: OffsetDateTime) -> Report {
    let standing = Standing::Waiting {
        attempt: number(2),
        next_attempt_at: at,
    };
    let mut report = report(&minted(endpoint.tenant), endpoint.id, standing);
    let mut attempt = answered(1, 500);
    attempt.started_at = at;
    report.attempt = Some(attempt);
    report
}

fn open(endpoint: EndpointId, retry_at: OffsetDateTime) -> BreakerNotice {
    BreakerNotice {
        endpoint,
        dispatcher: DispatcherId::from_uuid(Uuid::new_v4()),
        standing: BreakerStanding {
            state: BreakerState::Open { retry_at },
            since: retry_at - Duration::MINUTE,
        },
    }
}

fn pages_of(rows: u16) -> PageRequest {
    PageRequest { after: None, rows }
}

#[tokio::test]
async fn the_longest_failing_come_first_until_they_are_deleted() {
    let db = Db::new().await;
    let (one, other) = (db.tenant().await, db.tenant().await);
    let begun = now();
    let mut endpoints = Vec::new();
    for (tenant, later) in [(one, 2), (other, 0), (one, 1)] {
        let endpoint = db.endpoint(tenant, "*").await;
        let at = begun + Duration::seconds(later);
        db.store
            .record_reports(&[failed(&endpoint, at)])
            .await
            .unwrap();
        endpoints.push(endpoint);
    }
    db.endpoint(one, "*").await;
    let listed = async || {
        let mut request = pages_of(1);
        let mut ids = Vec::new();
        loop {
            let page = db.store.failing_endpoints(request).await.unwrap();
            ids.extend(page.rows.iter().map(|row| row.id));
            let Some(next) = page.next else { return ids };
            request.after = Some(next);
        }
    };
    let [latest, first, second] = [0, 1, 2].map(|at| endpoints[at].id);
    assert_eq!(listed().await, [first, second, latest]);
    let page = db.store.failing_endpoints(pages_of(1)).await.unwrap();
    let row = &page.rows[0];
    assert_eq!((row.tenant, &*row.tenant_name), (other, "Acme"));
    assert_eq!(row.health.failing_since, Some(begun));
    assert_eq!(
        row.health.last_failure.unwrap().reason.to_string(),
        "answered 500"
    );

    // Whoever paused it still has to mend it; who deleted it hasn't.
    let paused = db
        .store
        .switch_endpoint(one, second, Precondition::Any, Switch::Pause);
    paused.await.unwrap();
    let delete = async |tenant, version| {
        let deleted = db.store.delete_endpoint(tenant, first, version).await;
        deleted.is_ok()
    };
    assert!(!delete(one, Precondition::Any).await);
    assert!(!delete(other, Precondition::Version(99)).await);
    assert_eq!(listed().await, [first, second, latest]);
    assert!(delete(other, Precondition::Any).await);
    assert_eq!(listed().await, [second, latest]);
    let left = db.value("select count(*) from endpoint_health where failing_since is not null");
    assert_eq!(left.await, "2");
    let page = db
        .store
        .failing_endpoints(PageRequest::FIRST)
        .await
        .unwrap();
    assert_eq!(page.rows[0].state, EndpointState::Paused);
}

#[tokio::test]
async fn what_is_left_alone_is_told_once_and_as_long_as_it_counts() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let (one, other) = (
        db.endpoint(tenant, "*").await,
        db.endpoint(tenant, "*").await,
    );
    let until = now() + Duration::MINUTE;
    let closed = BreakerNotice {
        standing: BreakerStanding {
            state: BreakerState::Closed,
            since: until,
        },
        ..open(other.id, until)
    };
    let said = [open(one.id, until), open(one.id, until), closed];
    db.store.record_breakers(&said).await.unwrap();
    let listed = async |at| {
        let page = db.store.left_alone(at, pages_of(1)).await.unwrap();
        assert!(page.next.is_none());
        page.rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(until).await, [one.id]);
    assert_eq!(listed(until + KEPT).await, []);
    let deleted = db.store.delete_endpoint(tenant, one.id, Precondition::Any);
    deleted.await.unwrap();
    assert_eq!(listed(until).await, []);
}

#[tokio::test]
async fn who_waits_most_comes_first() {
    let db = Db::new().await;
    let (few, many, none) = (db.tenant().await, db.tenant().await, db.tenant().await);
    for (tenant, events) in [(few, 1), (many, 3)] {
        let endpoint = db.endpoint(tenant, "*").await;
        let new: Vec<_> = (0..events)
            .map(|_| matched(minted(tenant), &[endpoint.id]))
            .collect();
        db.store.record(&new).await.unwrap();
    }
    db.events(none, 2).await;
    db.store.post_ledger().await.unwrap();
    let listed = db.store.backlogs(2).await.unwrap();
    let told: Vec<_> = listed
        .iter()
        .map(|one| (one.tenant, one.waiting, one.unsettled))
        .collect();
    assert_eq!(told, [(many, 0, 3), (few, 0, 1)]);
    assert_eq!(db.store.backlogs(1).await.unwrap()[0].tenant, many);
}
