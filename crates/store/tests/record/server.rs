//! What an operator asks of the server.

use std::collections::BTreeSet;

use store::endpoints::Settings;
use store::server::Writes;
use time::OffsetDateTime;

use crate::support::{Db, connect, keyring, secret, settings};

#[tokio::test]
async fn the_server_says_what_it_is() {
    let db = Db::new().await;
    let facts = db.store.server_facts().await.unwrap();
    assert!(facts.major >= 15);
    assert_eq!(facts.writes, Writes::Taken);
    let apart = (facts.now - OffsetDateTime::now_utc()).abs();
    assert!(apart < time::Duration::minutes(1), "{apart}");
}

#[tokio::test]
async fn keys_that_secrets_need_are_missed() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let with_headers = Settings {
        headers: vec![("authorization".into(), "Bearer x".into())],
        ..settings("*")
    };
    db.store
        .create_endpoint(tenant, &with_headers, &secret(1))
        .await
        .unwrap();
    assert_eq!(db.store.missing_keys().await.unwrap(), BTreeSet::new());
    let other = connect(&db.stack, keyring("k2"));
    let missing = other.missing_keys().await.unwrap();
    assert_eq!(missing, BTreeSet::from(["k1".to_owned()]));
}
