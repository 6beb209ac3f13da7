use std::time::Duration;

use domain::endpoint::{BodyFormat, EndpointState, RateLimit};
use domain::id::TenantId;
use domain::retry::RetryPolicy;
use store::endpoints::{Precondition, Settings, Switch};
use store::{PageRequest, StoreError};
use uuid::Uuid;

use crate::support::{Db, secret, settings};

fn rich() -> Settings {
    let waits = vec![Duration::from_secs(1), Duration::from_secs(3600)];
    Settings {
        description: "orders".into(),
        event_types: vec!["order.*".parse().unwrap(), "user.created".parse().unwrap()],
        channels: vec!["eu".parse().unwrap()],
        format: BodyFormat::CloudEvents,
        headers: vec![("authorization".into(), "Bearer canary".into())],
        timeout: Duration::from_millis(2500),
        retry: Some(RetryPolicy::from_waits(waits).unwrap()),
        filter: Some("@.n == 1".into()),
        rate_limit: Some(RateLimit::new(10, 20).unwrap()),
        ..settings("*")
    }
}

#[tokio::test]
async fn settings_come_back_as_they_were_set() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let made = db
        .store
        .create_endpoint(tenant, &rich(), &secret(1))
        .await
        .unwrap();
    assert_eq!(made.settings, rich());
    assert_eq!((made.state, made.version), (EndpointState::Enabled, 1));
    assert_eq!(db.store.endpoint(tenant, made.id).await.unwrap(), made);
    let changed = db
        .store
        .update_endpoint(tenant, made.id, Precondition::Version(1), &settings("a.b"))
        .await
        .unwrap();
    assert_eq!((changed.settings, changed.version), (settings("a.b"), 2));
    assert!(!format!("{made:?}").contains("canary"));
    assert!(!format!("{made:?}").contains("token"));
}

#[tokio::test]
async fn a_change_meant_for_another_version_is_refused() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let id = db.endpoint(tenant, "*").await.id;
    let stale = Precondition::Version(7);
    let store = &db.store;
    for error in [
        store
            .update_endpoint(tenant, id, stale, &settings("*"))
            .await
            .map(|_| ())
            .unwrap_err(),
        store
            .switch_endpoint(tenant, id, stale, Switch::Pause)
            .await
            .map(|_| ())
            .unwrap_err(),
        store
            .rotate_secret(tenant, id, stale, &secret(2))
            .await
            .unwrap_err(),
        store.delete_endpoint(tenant, id, stale).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::VersionMismatch), "{error:?}");
    }
}

#[tokio::test]
async fn another_tenant_cannot_touch_it() {
    let db = Db::new().await;
    let (tenant, other) = (db.tenant().await, db.tenant().await);
    let id = db.endpoint(tenant, "*").await.id;
    let (store, any) = (&db.store, Precondition::Any);
    for error in [
        store.endpoint(other, id).await.map(|_| ()).unwrap_err(),
        store
            .update_endpoint(other, id, any, &settings("*"))
            .await
            .map(|_| ())
            .unwrap_err(),
        store
            .switch_endpoint(other, id, any, Switch::Pause)
            .await
            .map(|_| ())
            .unwrap_err(),
        store
            .rotate_secret(other, id, any, &secret(2))
            .await
            .unwrap_err(),
        store.delete_endpoint(other, id, any).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NotFound), "{error:?}");
    }
    let nobody = TenantId::from_uuid(Uuid::nil());
    let error = store
        .create_endpoint(nobody, &settings("*"), &secret(1))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NotFound));
}

#[tokio::test]
async fn switching_twice_changes_once() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let id = db.endpoint(tenant, "*").await.id;
    let switch = |switch| {
        db.store
            .switch_endpoint(tenant, id, Precondition::Any, switch)
    };
    let paused = switch(Switch::Pause).await.unwrap();
    assert_eq!((paused.state, paused.version), (EndpointState::Paused, 2));
    assert_eq!(switch(Switch::Pause).await.unwrap(), paused);
    let disabled = switch(Switch::Disable { reason: "failing" }).await.unwrap();
    assert_eq!(disabled.state_reason.as_deref(), Some("failing"));
    let again = switch(Switch::Disable { reason: "other" }).await.unwrap();
    assert_eq!(again, disabled);
    let enabled = switch(Switch::Enable).await.unwrap();
    assert_eq!(
        (enabled.state, enabled.state_reason),
        (EndpointState::Enabled, None)
    );
    assert!(enabled.state_since >= disabled.state_since);
}

#[tokio::test]
async fn a_deleted_endpoint_is_gone() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let (kept, deleted) = (
        db.endpoint(tenant, "*").await,
        db.endpoint(tenant, "*").await,
    );
    let delete = || {
        db.store
            .delete_endpoint(tenant, deleted.id, Precondition::Version(1))
    };
    delete().await.unwrap();
    assert!(matches!(delete().await.unwrap_err(), StoreError::NotFound));
    let listed = db
        .store
        .endpoints(tenant, PageRequest::FIRST)
        .await
        .unwrap();
    assert_eq!(listed.rows, [kept]);
}

#[tokio::test]
async fn endpoints_are_listed_by_pages() {
    let db = Db::new().await;
    let (tenant, other) = (db.tenant().await, db.tenant().await);
    db.endpoint(other, "*").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(db.endpoint(tenant, "*").await.id);
    }
    made.reverse();
    let mut page = PageRequest {
        after: None,
        rows: 2,
    };
    let mut seen = Vec::new();
    loop {
        let read = db.store.endpoints(tenant, page).await.unwrap();
        seen.extend(read.rows.iter().map(|one| one.id));
        page.after = read.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, made);
}
