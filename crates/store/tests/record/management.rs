use std::sync::Arc;

use domain::id::{ApiKeyId, TenantId};
use domain::operational::Operational;
use domain::schema::SchemaMode;
use store::api_keys::{NewApiKey, Reach, Scope};
use store::event_types::{Audience, NewEntry};
use store::tenants::NewTenant;
use store::{AccessDirectory, Live, PageRequest, StoreError};
use uuid::Uuid;

use crate::support::Db;

fn named(name: &str, external_id: Option<&str>) -> NewTenant {
    NewTenant {
        external_id: external_id.map(Into::into),
        name: name.into(),
    }
}

#[tokio::test]
async fn tenants_are_made_found_renamed_and_deleted() {
    let db = Db::new().await;
    let acme = db
        .store
        .create_tenant(&named("Acme", Some("acme")))
        .await
        .unwrap();
    assert_eq!(db.store.tenant(acme.id).await.unwrap(), acme);
    assert_eq!(db.store.tenant_by_external_id("acme").await.unwrap(), acme);
    let error = db
        .store
        .create_tenant(&named("Other", Some("acme")))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Conflict));
    let renamed = db
        .store
        .update_tenant(acme.id, &named("ACME", Some("a-1")))
        .await
        .unwrap();
    assert_eq!((renamed.id, &*renamed.name), (acme.id, "ACME"));

    let endpoint = db.endpoint(acme.id, "*").await;
    db.store.delete_tenant(acme.id).await.unwrap();
    for error in [
        db.store.tenant(acme.id).await.unwrap_err(),
        db.store.tenant_by_external_id("a-1").await.unwrap_err(),
        db.store.delete_tenant(acme.id).await.unwrap_err(),
        db.store.endpoint(acme.id, endpoint.id).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NotFound));
    }
    // The platform may use its key again.
    db.store
        .create_tenant(&named("New", Some("a-1")))
        .await
        .unwrap();
}

#[tokio::test]
async fn texts_that_cannot_be_stored_are_told() {
    let db = Db::new().await;
    let error = db
        .store
        .create_tenant(&named("a\0b", None))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unstorable));
    let error = db.store.tenant_by_external_id("a\0").await.unwrap_err();
    assert!(matches!(error, StoreError::Unstorable));
}

#[tokio::test]
async fn tenants_are_listed_by_pages() {
    let db = Db::new().await;
    for _ in 0..7 {
        db.tenant().await;
    }
    let mut page = PageRequest {
        after: None,
        rows: 3,
    };
    let mut seen = Vec::new();
    let lengths = [3, 3, 1].map(|length| (length, length == 3));
    for (length, more) in lengths {
        let read = db.store.tenants(page).await.unwrap();
        assert_eq!((read.rows.len(), read.next.is_some()), (length, more));
        seen.extend(read.rows.into_iter().map(|tenant| tenant.id));
        page.after = read.next;
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 7);
}

#[tokio::test]
async fn api_keys_are_shown_once_and_revoked() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let new = |reach| NewApiKey {
        name: "ci".into(),
        reach,
        scopes: vec![Scope::Publish, Scope::Read],
    };
    let (key, text) = db
        .store
        .create_api_key(&new(Reach::Tenant(tenant)))
        .await
        .unwrap();
    assert_eq!(text.expose().len(), 47);
    assert!(text.expose().starts_with(&key.hint) && key.hint.starts_with("phk_"));
    assert_eq!((key.reach, key.scopes.len()), (Reach::Tenant(tenant), 2));
    let (platform, other) = db
        .store
        .create_api_key(&new(Reach::Platform))
        .await
        .unwrap();
    assert_ne!(text.expose(), other.expose());

    let dump = db.query("select api_keys::text from api_keys").await;
    let secret = &text.expose()[8..];
    assert!(dump.iter().all(|row| !row.get(0).unwrap().contains(secret)));

    db.store.revoke_api_key(key.id, None).await.unwrap();
    db.store.revoke_api_key(key.id, None).await.unwrap();
    let listed = db.store.api_keys(PageRequest::FIRST).await.unwrap().rows;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0], platform);
    assert!(listed[1].revoked_at.is_some());

    let nobody = TenantId::from_uuid(Uuid::nil());
    let error = db
        .store
        .create_api_key(&new(Reach::Tenant(nobody)))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NotFound));
    let error = db
        .store
        .revoke_api_key(ApiKeyId::from_uuid(Uuid::nil()), None)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NotFound));
}

#[tokio::test]
async fn the_last_use_of_a_key_is_on_record_once_it_is_noted() {
    let db = Db::new().await;
    let new = |name: &str| NewApiKey {
        name: name.into(),
        reach: Reach::Platform,
        scopes: vec![Scope::Read],
    };
    let (used, text) = db.store.create_api_key(&new("used")).await.unwrap();
    db.store.create_api_key(&new("idle")).await.unwrap();
    let live: Live<AccessDirectory> = Live::new(&db.store);
    let last_uses = async || {
        let listed = db.store.api_keys(PageRequest::FIRST).await.unwrap().rows;
        let mut uses = listed.into_iter().map(|key| (key.id, key.last_used_at));
        let found = uses.find(|(id, _)| *id == used.id).unwrap().1;
        assert!(uses.all(|(_, other)| other.is_none()));
        found
    };
    let presented = |current: Arc<AccessDirectory>| current.authenticate(text.expose());
    assert!(presented(live.refresh().await.unwrap()).is_some());
    assert_eq!(last_uses().await, None, "not at each use");
    live.note_uses_now().await.unwrap();
    let first = last_uses().await.unwrap();
    live.note_uses_now().await.unwrap();
    assert_eq!(last_uses().await, Some(first), "it was not used again");
    // What was marked is not lost by a change of the directory.
    assert!(presented(live.current()).is_some());
    db.store.create_api_key(&new("later")).await.unwrap();
    live.refresh().await.unwrap();
    live.note_uses_now().await.unwrap();
    assert!(last_uses().await.unwrap() > first);
}

/// An entry without a schema.
fn described<'a>(description: &'a str, example: &'a str) -> NewEntry<'a> {
    NewEntry {
        description,
        example,
        schema: None,
        schema_mode: SchemaMode::Off,
    }
}

#[tokio::test]
async fn the_catalogue_is_seeded_and_kept() {
    let db = Db::new().await;
    let seeded = db.store.event_types(Audience::Tenants).await.unwrap();
    let names: Vec<_> = seeded.iter().map(|one| one.name.as_str()).collect();
    let expected = [
        "shipment.created",
        "shipment.updated",
        "user.created",
        "user.updated",
    ];
    assert_eq!(names, expected);
    for one in &seeded {
        serde_json::from_str::<serde_json::Value>(&one.example).unwrap();
    }
    let told = db.store.event_types(Audience::Platform).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| one.name.clone()).collect();
    let mut kinds = Operational::ALL.map(Operational::event_type).to_vec();
    kinds.sort_unstable();
    assert_eq!(told, kinds);
    let error = db
        .store
        .put_event_type(&told[0], described("Mine.", "1"))
        .await;
    assert!(matches!(error, Err(StoreError::Conflict)));
    let error = db.store.archive_event_type(&told[0]).await;
    assert!(matches!(error, Err(StoreError::NotFound)));

    let name = "order.paid".parse().unwrap();
    let error = db.store.event_type(&name).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound));
    db.store
        .put_event_type(&name, described("It was paid.", "{}"))
        .await
        .unwrap();
    db.store.archive_event_type(&name).await.unwrap();
    assert!(
        db.store
            .event_type(&name)
            .await
            .unwrap()
            .archived_at
            .is_some()
    );
    let put = described("Paid.", "1");
    let put = db.store.put_event_type(&name, put).await.unwrap();
    assert_eq!(
        (put.archived_at, &*put.description, &*put.example),
        (None, "Paid.", "1")
    );
    assert_eq!((put.schema, put.schema_mode), (None, SchemaMode::Off));

    let schema = NewEntry {
        schema: Some(r#"{ "title": "\u0000" }"#),
        schema_mode: SchemaMode::Warn,
        ..described("Paid.", "1")
    };
    let put = db.store.put_event_type(&name, schema).await.unwrap();
    assert_eq!(put.schema.as_deref(), schema.schema);
    assert_eq!(put.schema_mode, SchemaMode::Warn);
    assert_eq!(db.store.event_type(&name).await.unwrap(), put);
    let listed = db.store.event_types(Audience::Tenants).await.unwrap();
    assert!(listed.contains(&put));
    // A mode without a schema would say that payloads are checked when they are not.
    let mode_alone = NewEntry {
        schema: None,
        ..schema
    };
    let error = db.store.put_event_type(&name, mode_alone).await;
    assert!(matches!(error, Err(StoreError::Broken(_))), "{error:?}");
    let error = db
        .store
        .archive_event_type(&"a.b".parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NotFound));
}

#[tokio::test]
async fn the_platforms_own_tenant_stays_and_is_no_customer() {
    let db = Db::new().await;
    let store = &db.store;
    let own = store.tenant(TenantId::PLATFORM).await.unwrap();
    let name = TenantId::PLATFORM_EXTERNAL_ID;
    assert_eq!(own.external_id.as_deref(), Some(name));
    assert!(name.starts_with(TenantId::RESERVED_PREFIX));
    assert_eq!(store.tenant_by_external_id(name).await.unwrap(), own);
    assert_eq!(store.tenants(PageRequest::FIRST).await.unwrap().rows, []);
    let renamed = NewTenant {
        external_id: None,
        name: "Mine".into(),
    };
    let error = store.update_tenant(TenantId::PLATFORM, &renamed).await;
    assert!(matches!(error, Err(StoreError::Conflict)));
    let error = store.delete_tenant(TenantId::PLATFORM).await;
    assert!(matches!(error, Err(StoreError::Conflict)));
    assert_eq!(store.tenant(TenantId::PLATFORM).await.unwrap(), own);
}
