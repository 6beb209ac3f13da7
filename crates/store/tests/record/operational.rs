//! The outbox of operational events.

use domain::delivery::DeadReason;
use domain::event::{Event, Identity};
use domain::id::{EventId, TenantId};
use domain::report::{Report, Standing};
use serde_json::{Value, json};
use store::Store;
use store::endpoints::EndpointRecord;
use store::tenants::NewTenant;

use crate::support::{Db, answered, minted, now, number, report};

/// A report that the endpoint answered 410 after it was made.
pub(crate) fn gone(endpoint: &EndpointRecord) -> Report {
    let dead = Standing::Dead {
        attempt: number(1),
        reason: DeadReason::Gone,
    };
    let mut attempt = answered(1, 410);
    attempt.started_at = endpoint.state_since + time::Duration::SECOND;
    Report {
        attempt: Some(attempt),
        ..report(&minted(endpoint.tenant), endpoint.id, dead)
    }
}

/// Publishes what lies in the outbox to nobody, and gives it.
pub(crate) async fn told(store: &Store) -> Vec<Event> {
    let mut all = Vec::new();
    let told = store.publish_operational(now(), 1_000, async |events| {
        let ids = events.iter().map(|event| event.id).collect();
        all = events;
        ids
    });
    told.await.unwrap();
    all
}

pub(crate) fn data(event: &Event) -> Value {
    serde_json::from_slice(&event.data).unwrap()
}

async fn acme(db: &Db) -> TenantId {
    let new = NewTenant {
        external_id: Some("acme".into()),
        name: "Acme".into(),
    };
    db.store.create_tenant(&new).await.unwrap().id
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_told_once() {
    let db = Db::new().await;
    let tenant = acme(&db).await;
    let endpoint = db.endpoint(tenant, "*").await;
    let gone = gone(&endpoint);
    for _ in 0..2 {
        db.store
            .record_reports(std::slice::from_ref(&gone))
            .await
            .unwrap();
    }
    let [event] = told(&db.store).await.try_into().unwrap();
    assert_eq!(event.tenant, TenantId::PLATFORM);
    assert_eq!(event.event_type.as_str(), "endpoint.disabled");
    assert_eq!(
        event.identity,
        Identity::keyed(&event.event_type, &event.data)
    );
    let data = data(&event);
    assert_eq!(data["tenant"], json!({"id": tenant, "external_id": "acme"}));
    let named = json!({"id": endpoint.id, "host": "hooks.example.com"});
    assert_eq!(data["endpoint"], named, "the host, and not the whole URL");
    assert_eq!(data["cause"], "gone");
    assert_eq!(data["reason"], "answered 410");
    assert_eq!(data["failures"], 1);
    assert!(told(&db.store).await.is_empty(), "it was published");
}

#[tokio::test]
async fn what_the_broker_did_not_confirm_is_published_again_as_the_same_event() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let mut reports = Vec::new();
    for _ in 0..3 {
        reports.push(gone(&db.endpoint(tenant, "*").await));
    }
    db.store.record_reports(&reports).await.unwrap();
    let mut first: Vec<(EventId, _)> = Vec::new();
    let published = db.store.publish_operational(now(), 2, async |events| {
        first = events.iter().map(|one| (one.id, one.ingest_id)).collect();
        vec![first[0].0]
    });
    assert_eq!(published.await.unwrap(), 1);
    let again = told(&db.store).await;
    assert_eq!(again.len(), 2);
    let repeat = again.iter().find(|one| one.id == first[1].0).unwrap();
    assert_ne!(repeat.ingest_id, first[1].1, "another acceptance");
    assert!(again.iter().all(|one| one.id != first[0].0));
}

#[tokio::test]
async fn the_platforms_own_endpoints_make_no_operational_events() {
    let db = Db::new().await;
    let endpoint = db.endpoint(TenantId::PLATFORM, "endpoint.*").await;
    db.store.record_reports(&[gone(&endpoint)]).await.unwrap();
    assert!(told(&db.store).await.is_empty());
    let state = db.store.endpoint(TenantId::PLATFORM, endpoint.id).await;
    assert_eq!(state.unwrap().state_reason.as_deref(), Some("gone"));
}

#[tokio::test]
async fn what_was_published_is_forgotten_in_time() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let published = gone(&db.endpoint(tenant, "*").await);
    db.store.record_reports(&[published]).await.unwrap();
    assert_eq!(told(&db.store).await.len(), 1);
    let waiting = gone(&db.endpoint(tenant, "*").await);
    db.store.record_reports(&[waiting]).await.unwrap();
    let later = |days| now() + time::Duration::days(days);
    assert_eq!(db.store.forget_operational(later(6)).await.unwrap(), 0);
    assert_eq!(db.store.forget_operational(later(8)).await.unwrap(), 1);
    assert_eq!(told(&db.store).await.len(), 1, "it was not yet published");
}
