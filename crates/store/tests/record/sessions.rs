use domain::id::{ApiKeyId, PersonId, TenantId};
use domain::limits;
use store::api_keys::{NewApiKey, Reach, Scope};
use store::audit::{Actor, Who};
use store::people::Identity;
use store::{PageRequest, StoreError};
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
    assert_eq!((opened.who, opened.tenant), (Who::Key(key), Some(tenant)));
    assert!(missing(
        store.open_portal_link(link.expose(), now, later).await
    ));

    let presented = opened.token.expose();
    let access = store.session(presented, now).await.unwrap().unwrap();
    let by = Actor {
        who: Who::Key(key),
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
    let later = now + limits::SESSION;
    let opened = store.open_session(key, later).await.unwrap();
    let presented = opened.token.expose();
    let access = store.session(presented, now).await.unwrap().unwrap();
    assert_eq!(access.reach, Reach::Tenant(tenant));
    assert_eq!(access.scopes, [Scope::Read]);

    let in_session = Actor {
        who: Who::Key(key),
        session: Some(opened.id),
    };
    for by in [in_session, Actor::key(key)] {
        assert!(store.is_allowed_still(by, tenant, now).await.unwrap());
        let is_over = by.session.is_some();
        let later = store.is_allowed_still(by, tenant, later).await.unwrap();
        assert_eq!(later, !is_over);
        let nowhere = TenantId::from_uuid(uuid::Uuid::nil());
        assert!(!store.is_allowed_still(by, nowhere, now).await.unwrap());
    }

    let link = store.create_portal_link(key, tenant, later).await.unwrap();
    store.revoke_api_key(key, None).await.unwrap();
    let by = Actor::key(key);
    assert!(!store.is_allowed_still(by, tenant, now).await.unwrap());
    assert_eq!(store.session(presented, now).await.unwrap(), None);
    assert!(missing(store.open_session(key, later).await));
    assert!(missing(store.create_portal_link(key, tenant, later).await));
    assert!(missing(
        store.open_portal_link(link.expose(), now, later).await
    ));
}

fn ann() -> Identity {
    Identity {
        issuer: "https://id.example.com".into(),
        subject: "248289761001".into(),
        name: "ann@example.com".into(),
    }
}

#[tokio::test]
async fn a_persons_session_is_what_was_settled_when_they_signed_in() {
    let db = Db::new().await;
    let (store, now) = (&db.store, OffsetDateTime::now_utc());
    let tenant = db.tenant().await;
    let later = now + limits::SESSION;
    let scopes = [Scope::Read, Scope::Manage];
    let mut renamed = ann();
    renamed.name = "ann.b@example.com".into();
    let mut sessions = Vec::new();
    for (identity, reach) in [
        (ann(), Reach::Tenant(tenant)),
        (renamed.clone(), Reach::Platform),
    ] {
        let person = store.meet(&identity).await.unwrap();
        let opened = store.open_person_session(person, reach, &scopes, later);
        let opened = opened.await.unwrap();
        let access = store.session(opened.token.expose(), now).await.unwrap();
        let access = access.unwrap();
        let by = Actor {
            who: opened.who,
            session: Some(opened.id),
        };
        assert_eq!((access.by, access.reach), (by, reach));
        assert_eq!(access.scopes, scopes);
        assert!(store.is_allowed_still(by, tenant, now).await.unwrap());
        assert!(!store.is_allowed_still(by, tenant, later).await.unwrap());
        assert_eq!(
            store.session(opened.token.expose(), later).await.unwrap(),
            None
        );
        sessions.push(opened);
    }
    assert_eq!(sessions[0].who, sessions[1].who, "one person");
    // What customers have is revoked, and developers stay.
    assert_eq!(store.revoke_portal_links(tenant).await.unwrap(), 0);

    let first = PageRequest {
        after: None,
        rows: 1,
    };
    let people = store.people(now, first).await.unwrap();
    let [person] = &people.rows[..] else {
        panic!("{people:?}")
    };
    assert_eq!((&person.identity, person.sessions), (&renamed, 2));
    assert_eq!(Who::Person(person.id), sessions[0].who);
    let after = PageRequest {
        after: people.next,
        rows: 1,
    };
    assert!(people.next.is_none() || store.people(now, after).await.unwrap().rows.is_empty());
    assert_eq!(
        store.people(later, first).await.unwrap().rows[0].sessions,
        0
    );

    assert_eq!(store.end_sessions_of(person.id).await.unwrap(), 2);
    let ended = store.session(sessions[0].token.expose(), now).await;
    assert_eq!(ended.unwrap(), None);
    let nobody = PersonId::from_uuid(uuid::Uuid::nil());
    assert!(missing(store.end_sessions_of(nobody).await));
    let opened = store.open_person_session(nobody, Reach::Platform, &scopes, later);
    assert!(missing(opened.await));
    let gone = Reach::Tenant(TenantId::from_uuid(uuid::Uuid::nil()));
    let opened = store.open_person_session(person.id, gone, &scopes, later);
    assert!(missing(opened.await));
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
