use std::sync::Arc;
use std::time::Duration;

use domain::event_type::EventType;
use domain::id::{EndpointId, TenantId};
use domain::schema::SchemaMode;
use domain::selection::Candidate;
use store::api_keys::{NewApiKey, Reach, Scope};
use store::endpoints::{Precondition, Switch};
use store::event_types::NewEntry;
use store::tenants::NewTenant;
use store::{AccessDirectory, EndpointDirectory, Live, SchemaDirectory, SubscriptionDirectory};
use testkit::eventually;
use tokio_util::sync::CancellationToken;

use crate::support::{Db, SOON, secret, settings};

fn created() -> EventType {
    "shipment.created".parse().unwrap()
}

/// The endpoints that an event of this payload goes to.
fn matched(directory: &SubscriptionDirectory, tenant: TenantId, data: &str) -> Vec<EndpointId> {
    let event_type = created();
    let event = Candidate::new(&event_type, &[], data.as_bytes());
    directory.matches(tenant, &event).endpoints
}

#[tokio::test]
async fn a_refresh_sees_every_change_that_was_committed_before() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let live: Live<SubscriptionDirectory> = Live::new(&db.store);
    assert!(!live.is_loaded());
    let matches = || async { matched(&live.refresh().await.unwrap(), tenant, "{}") };
    assert_eq!(matches().await, []);
    assert!(live.is_loaded());
    let first = db.endpoint(tenant, "shipment.*").await.id;
    let second = db.endpoint(tenant, "*").await.id;
    db.endpoint(tenant, "user.*").await;
    assert_eq!(matches().await, [first, second]);

    let any = Precondition::Any;
    let other = settings("user.*");
    db.store
        .update_endpoint(tenant, first, any, &other)
        .await
        .unwrap();
    assert_eq!(matches().await, [second]);
    // Deliveries to a paused endpoint are held, not missed.
    db.store
        .switch_endpoint(tenant, second, any, Switch::Pause)
        .await
        .unwrap();
    assert_eq!(matches().await, [second]);
    db.store.delete_endpoint(tenant, second, any).await.unwrap();
    assert_eq!(matches().await, []);
    db.store.delete_tenant(tenant).await.unwrap();
    live.refresh().await.unwrap();
    assert!(live.current().tenant(tenant).is_none());
}

/// A filter that this version can't read keeps its own endpoint from being selected, and nobody
/// else's.
#[tokio::test]
async fn filters_are_compiled_into_the_snapshot() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let live: Live<SubscriptionDirectory> = Live::new(&db.store);
    let mut filtered = settings("*");
    filtered.filter = Some("@.n == 1".to_owned());
    let made = db
        .store
        .create_endpoint(tenant, &filtered, &secret(1))
        .await;
    let filtered = made.unwrap().id;
    let plain = db.endpoint(tenant, "*").await.id;
    let newer = db.endpoint(tenant, "*").await.id;
    let write = format!(
        "update endpoints set filter = '@.n ~ 1' where id = '{}'",
        newer.uuid()
    );
    db.query(&write).await;

    let directory = live.refresh().await.unwrap();
    assert_eq!(matched(&directory, tenant, r#"{"n":1}"#), [filtered, plain]);
    assert_eq!(matched(&directory, tenant, r#"{"n":2}"#), [plain]);
    let event_type = created();
    let event = Candidate::new(&event_type, &[], b"{}");
    assert_eq!(directory.matches(tenant, &event).unjudged, 1);

    // And a change is seen like every other.
    let any = Precondition::Any;
    let mut changed = settings("*");
    changed.filter = Some("@.n == 2".to_owned());
    db.store
        .update_endpoint(tenant, filtered, any, &changed)
        .await
        .unwrap();
    let directory = live.refresh().await.unwrap();
    assert_eq!(matched(&directory, tenant, r#"{"n":1}"#), [plain]);
    assert_eq!(matched(&directory, tenant, r#"{"n":2}"#), [filtered, plain]);
}

#[tokio::test]
async fn many_writers_at_once_leave_no_change_unseen() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let live: Live<EndpointDirectory> = Live::new(&db.store);
    let writers = (0..8).map(|_| {
        let store = db.store.clone();
        tokio::spawn(async move {
            let mut made = Vec::new();
            for _ in 0..5 {
                let new = store
                    .create_endpoint(tenant, &settings("*"), &secret(1))
                    .await;
                made.push(new.unwrap().id);
            }
            made
        })
    });
    let writers: Vec<_> = writers.collect();
    // In the middle of it too: what a delta skipped would never come.
    for _ in 0..20 {
        live.refresh().await.unwrap();
    }
    for writer in writers {
        let made = writer.await.unwrap();
        let current = live.refresh().await.unwrap();
        assert!(made.iter().all(|id| current.target(*id).is_some()));
    }
    let gaps = "select count(*) from endpoints e, directory_epoch d where e.epoch > d.epoch";
    assert_eq!(db.value(gaps).await, "0");
}

#[tokio::test]
async fn a_change_of_a_secret_is_a_change_of_its_endpoint() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let id = db.endpoint(tenant, "*").await.id;
    let live: Live<EndpointDirectory> = Live::new(&db.store);
    let count = || async {
        let target = live.refresh().await.unwrap().target(id).unwrap();
        target.secrets(time::OffsetDateTime::now_utc()).count()
    };
    assert_eq!(count().await, 1);
    db.store
        .rotate_secret(tenant, id, Precondition::Any, &secret(2))
        .await
        .unwrap();
    assert_eq!(count().await, 2);
    // By hand too: nobody can forget the epoch.
    db.stack
        .execute("delete from endpoint_secrets where expires_at is not null")
        .await;
    assert_eq!(count().await, 1);
    assert!(!format!("{:?}", live.current().target(id)).contains("token"));
    db.store
        .delete_endpoint(tenant, id, Precondition::Any)
        .await
        .unwrap();
    assert!(live.refresh().await.unwrap().target(id).is_none());
}

#[tokio::test]
async fn keys_and_tenants_are_known_until_they_end() {
    let db = Db::new().await;
    let new = |external: &str| NewTenant {
        external_id: Some(external.into()),
        name: "Acme".into(),
    };
    let a = db.store.create_tenant(&new("a")).await.unwrap().id;
    let live: Live<AccessDirectory> = Live::new(&db.store);
    let key = NewApiKey {
        name: "ci".into(),
        reach: Reach::Tenant(a),
        scopes: vec![Scope::Publish],
    };
    let (made, text) = db.store.create_api_key(&key).await.unwrap();
    let access = live
        .refresh()
        .await
        .unwrap()
        .authenticate(text.expose())
        .unwrap();
    assert_eq!(
        (access.by.who.key(), access.reach),
        (Some(made.id), Reach::Tenant(a))
    );
    assert!(access.allows(Scope::Publish) && !access.allows(Scope::Manage));
    assert!(live.current().authenticate("phk_other").is_none());
    assert_eq!(live.current().tenant_by_external_id("a"), Some(a));
    assert_eq!(live.current().external_id(a), Some("a"));

    // The external id moves on to another tenant, within one delta.
    db.store.update_tenant(a, &new("b")).await.unwrap();
    let other = db.store.create_tenant(&new("a")).await.unwrap().id;
    db.store.revoke_api_key(made.id, None).await.unwrap();
    let current = live.refresh().await.unwrap();
    assert_eq!(current.tenant_by_external_id("a"), Some(other));
    assert_eq!(current.tenant_by_external_id("b"), Some(a));
    assert!(current.authenticate(text.expose()).is_none());
    db.store.delete_tenant(other).await.unwrap();
    let current = live.refresh().await.unwrap();
    assert!(!current.has_tenant(other) && current.has_tenant(a));
    assert_eq!(current.tenant_by_external_id("a"), None);
}

#[tokio::test]
async fn schemas_are_known_while_they_are_on() {
    let db = Db::new().await;
    let other = "order.paid".parse().unwrap();
    let put = async |name: &EventType, schema: Option<&str>, schema_mode| {
        let entry = NewEntry {
            description: "",
            example: "1",
            schema,
            schema_mode,
        };
        db.store.put_event_type(name, entry).await.unwrap();
    };
    // One that is there before the first load, and one that comes after.
    put(&created(), Some("true"), SchemaMode::Warn).await;
    let live: Live<SchemaDirectory> = Live::new(&db.store);
    let first = live.refresh().await.unwrap();
    assert_eq!(first.of(&created()).unwrap().mode, SchemaMode::Warn);
    assert!(first.of(&other).is_none());
    put(&other, Some("false"), SchemaMode::Enforce).await;
    let second = live.refresh().await.unwrap();
    assert_eq!(second.of(&other).unwrap().mode, SchemaMode::Enforce);
    // What did not change is not compiled again.
    let of = |snapshot: &SchemaDirectory| snapshot.of(&created()).unwrap();
    assert!(Arc::ptr_eq(&of(&first), &of(&second)));

    // An archived type may still be published.
    db.store.archive_event_type(&other).await.unwrap();
    let archived = live.refresh().await.unwrap().of(&other).unwrap();
    assert_eq!(archived.mode, SchemaMode::Enforce);
    put(&other, Some("false"), SchemaMode::Off).await;
    put(&created(), None, SchemaMode::Off).await;
    let last = live.refresh().await.unwrap();
    assert!(last.of(&other).is_none() && last.of(&created()).is_none());
    // By hand too: nobody can forget the epoch.
    db.stack
        .execute("update event_types set schema_mode = 'warn' where name = 'order.paid'")
        .await;
    assert!(live.refresh().await.unwrap().of(&other).is_some());
}

#[tokio::test]
async fn a_notification_wakes_and_a_lost_connection_is_made_again() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let live: Live<EndpointDirectory> = Live::new(&db.store);
    let stop = CancellationToken::new();
    let task = tokio::spawn(live.clone().run(stop.clone()));
    live.loaded(SOON).await.unwrap();
    let listening = "select count(*) from pg_stat_activity where datname = current_database()
        and query like '%listen posthaste_directory'";
    let listens = || async { db.value(listening).await == "1" };
    eventually(SOON, "it listens", listens).await;

    let id = db.endpoint(tenant, "*").await.id;
    // Well below the poll's interval.
    let limit = Duration::from_secs(3);
    eventually(limit, "the notified endpoint", async || {
        live.current().target(id)
    })
    .await;

    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and application_name = 'posthaste'";
    assert_ne!(db.value(kill).await, "0");
    // A call may still meet one of the connections that have just ended.
    let id = eventually(SOON, "a call to succeed", async || {
        let settings = settings("*");
        let made = db
            .store
            .create_endpoint(tenant, &settings, &secret(1))
            .await;
        made.map(|endpoint| endpoint.id)
    })
    .await;
    eventually(SOON, "the endpoint after the cut", async || {
        live.current().target(id)
    })
    .await;
    stop.cancel();
    tokio::time::timeout(SOON, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_epoch_that_went_back_begins_anew() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let id = db.endpoint(tenant, "*").await.id;
    let live: Live<EndpointDirectory> = Live::new(&db.store);
    assert!(live.refresh().await.unwrap().target(id).is_some());
    // As after a backup was restored from before the endpoint was made.
    db.stack
        .execute(
            "set session_replication_role = replica; delete from endpoint_secrets;
             delete from endpoints; update directory_epoch set epoch = 1",
        )
        .await;
    assert!(live.refresh().await.unwrap().target(id).is_none());
}
