//! A database that is away or silent: every wait ends.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use store::{Config, EndpointDirectory, Live, PageRequest, Store, StoreError};
use tokio::net::TcpListener;

use crate::support::{Db, connect, keyring};

fn impatient(url: String) -> Store {
    let limit = Duration::from_millis(300);
    Store::connect(Config {
        pool_wait: limit,
        connect_timeout: limit,
        call_timeout: limit,
        ..Config::new(SecretString::from(url), keyring("k1"))
    })
    .unwrap()
}

#[tokio::test]
async fn a_database_that_is_away_or_silent_is_unavailable() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ports = [&silent, &refusing].map(|one| one.local_addr().unwrap().port());
    drop(refusing);
    for port in ports {
        let store = impatient(format!("postgres://nobody@127.0.0.1:{port}/none"));
        let begun = Instant::now();
        let error = store.ready().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let live: Live<EndpointDirectory> = Live::new(&store);
        let error = live.refresh().await.map(|_| ()).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let error = live
            .loaded(Duration::from_millis(50))
            .await
            .map(|_| ())
            .unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_locked_table_ends_the_call_and_the_connections_serve_on() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let store = impatient(db.stack.postgres_url());
    let (mut client, connection) =
        tokio_postgres::connect(&db.stack.postgres_url(), tokio_postgres::NoTls)
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("lock table tenants").await.unwrap();
    for _ in 0..3 {
        let error = store.tenant(tenant).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
    lock.rollback().await.unwrap();
    let found = || async { store.tenant(tenant).await };
    testkit::eventually(Duration::from_secs(10), "the unlocked tenant", found).await;
    connection.abort();
}

#[tokio::test]
async fn a_database_that_is_not_migrated_yet_is_waited_for() {
    let stack = testkit::Stack::new().await;
    let store = connect(&stack, keyring("k1"));
    let error = store.tenants(PageRequest::FIRST).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn an_unknown_user_is_waited_for() {
    let db = Db::new().await;
    let mut url: url::Url = db.stack.postgres_url().parse().unwrap();
    url.set_username("nobody").unwrap();
    let error = impatient(url.into()).ready().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[test]
fn an_url_of_another_kind_is_refused_without_being_shown() {
    let url = SecretString::from("mysql://root:hunter2@example.com".to_owned());
    let error = Store::connect(Config::new(url, keyring("k1"))).unwrap_err();
    assert!(matches!(error, StoreError::Broken(_)));
    assert!(!format!("{error:?}").contains("hunter2"));
}
