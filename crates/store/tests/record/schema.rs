use store::{SchemaMismatch, StoreError};
use testkit::Stack;

use crate::support::{Db, connect, keyring, url};

#[tokio::test]
async fn only_a_migrated_database_is_accepted() {
    let stack = Stack::new().await;
    let store = connect(&stack, keyring("k1"));
    let error = store.check_schema().await.unwrap_err();
    assert!(matches!(
        error,
        StoreError::Schema(SchemaMismatch::Older { found: 0, .. })
    ));
    store::migrate(&url(&stack)).await.unwrap();
    store.check_schema().await.unwrap();
    stack
        .execute("update refinery_schema_history set checksum = '1' where version = 1")
        .await;
    let error = store.check_schema().await.unwrap_err();
    assert!(matches!(
        error,
        StoreError::Schema(SchemaMismatch::Diverged { version: 1 })
    ));
}

/// A newer program's migration that only adds is no reason to end; one that takes away is.
#[tokio::test]
async fn a_newer_schema_is_accepted_until_it_says_otherwise() {
    let stack = Stack::new().await;
    let store = connect(&stack, keyring("k1"));
    store::migrate(&url(&stack)).await.unwrap();
    stack
        .execute(
            "insert into refinery_schema_history values
                 (1000, 'later', '2027-01-01T00:00:00Z', '1')",
        )
        .await;
    store.check_schema().await.unwrap();
    stack.execute("update usable_from set version = 1000").await;
    let error = store.check_schema().await.unwrap_err();
    assert!(matches!(
        error,
        StoreError::Schema(SchemaMismatch::Newer { needed: 1000, .. })
    ));
}

#[tokio::test]
async fn several_processes_may_migrate_at_once() {
    let stack = Stack::new().await;
    let url = url(&stack);
    let (a, b, c) = tokio::join!(
        store::migrate(&url),
        store::migrate(&url),
        store::migrate(&url)
    );
    a.and(b).and(c).unwrap();
    connect(&stack, keyring("k1")).check_schema().await.unwrap();
}

#[tokio::test]
async fn it_is_ready_when_the_database_answers() {
    let db = Db::new().await;
    db.store.ready().await.unwrap();
}
