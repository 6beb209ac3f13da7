use domain::id::{ApiKeyId, TenantId};
use domain::limits;
use store::StoreError;
use store::api_keys::{NewApiKey, Reach, Scope};
use store::audit::Actor;
use time::{Duration, OffsetDateTime};

use crate::support::Db;

async fn key(db: &Db, reach: Reach, scopes: &[Scope]) -> ApiKeyId {
    let new = NewApiKey {
        name: "support".into(),
        reach,
        scopes: scopes.to_vec(),
    };
    db.store.create_api_key(&new).await.unwrap().0.id
}

fn missing<T>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::NotFound))
}

#[tokio::test]
async fn a_link_opens_one_session_of_its_tenant() {
    let db = Db::new().await;
    let (store, now) = (&db.store, OffsetDateTime::now_utc());
    let tenant = db.tenant().await;
    let key = key(&db, Reach::Platform, &Scope::ALL).await;
    let (soon, later) = (now + limits::PORTAL_LINK, now + limits::PORTAL_SESSION);

    let link = store.create_portal_link(key, tenant, soon).await.unwrap();
    assert!(missing(store.open_portal_link("phl_", now, later).await));
    assert!(missing(
        store.open_portal_link(link.expose(), soon, later).await
    ));
    let opened = store
        .open_portal_link(link.expose(), now, later)
        .await
        .unwrap();
    assert_eq!((opened.key, opened.tenant), (key, Some(tenant)));
    assert!(missing(
        store.open_portal_link(link.expose(), now, later).await
    ));

    let presented = opened.token.expose();
    let access = store.session(presented, now).await.unwrap().unwrap();
    let by = Actor {
        key,
        session: Some(opened.id),
    };
    assert_eq!((access.by, access.reach), (by, Reach::Tenant(tenant)));
    assert_eq!(access.scopes, [Scope::Read, Scope::Manage]);
    assert_eq!(store.session(presented, later).await.unwrap(), None);
    assert_eq!(store.session(link.expose(), now).await.unwrap(), None);
    store.end_session(opened.id).await.unwrap();
    assert_eq!(store.session(presented, now).await.unwrap(), None);
}

#[tokio::test]
async fn a_keys_session_is_as_good_as_the_key_and_ends_with_it() {
    let db = Db::new().await;
    let (store, now) = (&db.store, OffsetDateTime::now_utc());
    let tenant = db.tenant().await;
    let key = key(&db, Reach::Tenant(tenant), &[Scope::Read]).await;
    let later = now + limits::KEY_SESSION;
    let opened = store.open_session(key, later).await.unwrap();
    let presented = opened.token.expose();
    let access = store.session(presented, now).await.unwrap().unwrap();
    assert_eq!(access.reach, Reach::Tenant(tenant));
    assert_eq!(access.scopes, [Scope::Read]);

    let session = Some(opened.id);
    for by in [Actor { key, session }, Actor { key, session: None }] {
        assert!(store.is_allowed_still(by, tenant, now).await.unwrap());
        let is_over = by.session.is_some();
        let later = store.is_allowed_still(by, tenant, later).await.unwrap();
        assert_eq!(later, !is_over);
        let nowhere = TenantId::from_uuid(uuid::Uuid::nil());
        assert!(!store.is_allowed_still(by, nowhere, now).await.unwrap());
    }

    let link = store.create_portal_link(key, tenant, later).await.unwrap();
    store.revoke_api_key(key).await.unwrap();
    let by = Actor { key, session: None };
    assert!(!store.is_allowed_still(by, tenant, now).await.unwrap());
    assert_eq!(store.session(presented, now).await.unwrap(), None);
    assert!(missing(store.open_session(key, later).await));
    assert!(missing(store.create_portal_link(key, tenant, later).await));
    assert!(missing(
        store.open_portal_link(link.expose(), now, later).await
    ));
}

#[tokio::test]
async fn what_has_expired_is_swept() {
    let db = Db::new().await;
    let (store, now) = (&db.store, OffsetDateTime::now_utc());
    let tenant = db.tenant().await;
    let key = key(&db, Reach::Platform, &Scope::ALL).await;
    for minutes in [-1, 1] {
        let at = now + Duration::minutes(minutes);
        store.create_portal_link(key, tenant, at).await.unwrap();
        store.open_session(key, at).await.unwrap();
    }
    let nobody = TenantId::from_uuid(uuid::Uuid::nil());
    assert!(missing(store.create_portal_link(key, nobody, now).await));
    assert_eq!(store.sweep_sessions(now).await.unwrap(), 2);
    assert_eq!(store.sweep_sessions(now).await.unwrap(), 0);
}
