use domain::id::{ApiKeyId, TenantId};
use store::PageRequest;
use store::api_keys::{NewApiKey, Reach, Scope};
use store::audit::{Action, Actor, Deed};
use store::people::Identity;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::support::Db;

#[tokio::test]
async fn an_entry_says_who_what_and_when() {
    let db = Db::new().await;
    let new = NewApiKey {
        name: "support".into(),
        reach: Reach::Platform,
        scopes: vec![Scope::Manage],
    };
    let (key, _) = db.store.create_api_key(&new).await.unwrap();
    let tenant = TenantId::from_uuid(Uuid::from_u128(1));
    let deed = |by, subject: &str| Deed {
        by: Actor::key(by),
        tenant: Some(tenant),
        action: Action::EndpointPaused,
        subject: subject.into(),
        detail: r#"{"a":1}"#.into(),
    };
    for number in 0..7 {
        let subject = format!("ep_{number}");
        db.store.audit(&deed(key.id, &subject)).await.unwrap();
    }
    // A key that is no longer there has no name, and its deed counts.
    let unknown = ApiKeyId::from_uuid(Uuid::nil());
    db.store.audit(&deed(unknown, "last")).await.unwrap();

    let (mut page, mut entries) = (
        PageRequest {
            after: None,
            rows: 3,
        },
        Vec::new(),
    );
    loop {
        let read = db.store.audit_entries(page).await.unwrap();
        page.after = read.next;
        entries.extend(read.rows);
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(entries.len(), 8);
    assert!(entries.is_sorted_by(|one, next| one.at >= next.at));
    assert_eq!((&*entries[0].subject, &*entries[0].name), ("last", ""));
    let first = &entries[7];
    assert_eq!((first.by, &*first.name), (Actor::key(key.id), "support"));
    assert_eq!(
        (first.tenant, &*first.action),
        (Some(tenant), "endpoint.paused")
    );
    assert_eq!((&*first.subject, &*first.detail), ("ep_0", r#"{"a":1}"#));
}

#[tokio::test]
async fn an_entry_names_a_person() {
    let db = Db::new().await;
    let identity = Identity {
        issuer: "https://id.example.com".into(),
        subject: "1".into(),
        name: "ann@example.com".into(),
    };
    let now = OffsetDateTime::now_utc();
    let person = db.store.meet(&identity).await.unwrap();
    let opened = db
        .store
        .open_person_session(person, Reach::Platform, &[Scope::Read], now);
    let opened = opened.await.unwrap();
    let by = Actor {
        who: opened.who,
        session: Some(opened.id),
    };
    let deed = Deed {
        by,
        tenant: None,
        action: Action::SessionOpened,
        subject: opened.id.to_string(),
        detail: "{}".into(),
    };
    db.store.audit(&deed).await.unwrap();
    let page = PageRequest {
        after: None,
        rows: 2,
    };
    let entries = db.store.audit_entries(page).await.unwrap().rows;
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].by, &*entries[0].name), (by, "ann@example.com"));
}
