use domain::endpoint::EndpointState;
use domain::limits;
use secrecy::ExposeSecret;
use store::endpoints::{Precondition, SECRETS, Settings};
use store::{EndpointDirectory, Keyring, Live, StoreError};

use crate::support::{Db, connect, now, secret, settings};

/// The first bytes of the secrets that sign now.
async fn signing(db: &Db, endpoint: domain::id::EndpointId) -> Vec<u8> {
    let live: Live<EndpointDirectory> = Live::new(&db.store);
    let target = live.refresh().await.unwrap().target(endpoint).unwrap();
    target
        .secrets(now())
        .map(|secret| secret.as_bytes()[0])
        .collect()
}

#[tokio::test]
async fn nothing_in_the_database_shows_a_secret() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let settings = Settings {
        headers: vec![("authorization".into(), "Bearer canary-4711".into())],
        ..settings("*")
    };
    let key = signature::Secret::from_bytes(b"canary-secret-of-thirty-two-byte".to_vec()).unwrap();
    db.store
        .create_endpoint(tenant, &settings, &key)
        .await
        .unwrap();
    let tables = "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace";
    let mut rows = 0;
    for table in db.query(tables).await {
        let table = table.get(0).unwrap();
        for row in db.query(&format!("select t::text from {table} t")).await {
            let text = row.get(0).unwrap();
            rows += 1;
            for canary in ["canary", &hex(b"canary")] {
                assert!(!text.contains(canary), "{table}: {text}");
            }
        }
    }
    assert!(rows > 5, "the dump must have found the rows");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_retired_secret_signs_beside_its_successor_for_a_while() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let id = db.endpoint(tenant, "*").await.id;
    let rotate = |byte| {
        let secret = secret(byte);
        let store = &db.store;
        async move {
            store
                .rotate_secret(tenant, id, Precondition::Any, &secret)
                .await
        }
    };
    rotate(2).await.unwrap();
    assert_eq!(signing(&db, id).await, [2, 1]);

    let live: Live<EndpointDirectory> = Live::new(&db.store);
    let target = live.refresh().await.unwrap().target(id).unwrap();
    let later = now() + limits::SECRET_OVERLAP + std::time::Duration::from_secs(60);
    assert_eq!(target.secrets(later).count(), 1);

    for byte in 3..=u8::try_from(SECRETS).unwrap() {
        rotate(byte).await.unwrap();
    }
    assert!(matches!(rotate(9).await.unwrap_err(), StoreError::Conflict));
    assert_eq!(signing(&db, id).await, [5, 4, 3, 2, 1]);
    // When the overlap is over there is room again.
    db.stack
        .execute("update endpoint_secrets set expires_at = now() where expires_at is not null")
        .await;
    assert_eq!(signing(&db, id).await, [5]);
    rotate(6).await.unwrap();
    assert_eq!(signing(&db, id).await, [6, 5]);
}

#[tokio::test]
async fn secrets_move_to_a_new_key() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let [old, new] = ["old", "new"].map(|name| Keyring::generate(name).unwrap());
    let ring = |text: &str| text.parse::<Keyring>().unwrap();
    let before = connect(&db.stack, ring(old.expose_secret()));
    let settings = Settings {
        headers: vec![("x-key".into(), "1".into())],
        ..settings("*")
    };
    let made = before
        .create_endpoint(tenant, &settings, &secret(7))
        .await
        .unwrap();
    let both = [new.expose_secret(), old.expose_secret()].join(",");
    let between = connect(&db.stack, ring(&both));
    assert_eq!(between.rewrap_secrets().await.unwrap(), 2);
    assert_eq!(between.rewrap_secrets().await.unwrap(), 0);

    let after = connect(&db.stack, ring(new.expose_secret()));
    assert_eq!(
        after.endpoint(tenant, made.id).await.unwrap().settings,
        settings
    );
    let error = before.endpoint(tenant, made.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Broken(_)));
    // The dispatcher holds what it can't sign.
    let live: Live<EndpointDirectory> = Live::new(&before);
    let target = live.refresh().await.unwrap().target(made.id).unwrap();
    assert_eq!(target.endpoint.state, EndpointState::Disabled);
    let live: Live<EndpointDirectory> = Live::new(&after);
    let target = live.refresh().await.unwrap().target(made.id).unwrap();
    assert_eq!(target.endpoint.state, EndpointState::Enabled);
    assert_eq!(target.secrets(now()).count(), 1);
}
