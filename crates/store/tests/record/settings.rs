use std::time::Duration;

use domain::retry::RetryPolicy;
use store::endpoints::{Precondition, Settings};
use store::{EndpointDirectory, Live, StoreError};

use crate::support::{Db, secret, settings};

fn waits(seconds: &[u64]) -> RetryPolicy {
    RetryPolicy::try_from(seconds.to_vec()).unwrap()
}

#[tokio::test]
async fn the_platforms_policy_is_that_of_endpoints_without_their_own() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let plain = db.endpoint(tenant, "*").await.id;
    let own = Settings {
        retry: Some(waits(&[7])),
        ..settings("*")
    };
    let own = db.store.create_endpoint(tenant, &own, &secret(1)).await;
    let own = own.unwrap().id;
    let live: Live<EndpointDirectory> = Live::new(&db.store);
    let policies = async || {
        let current = live.refresh().await.unwrap();
        let of = |id| current.target(id).unwrap().endpoint.retry.clone();
        (of(plain), of(own))
    };
    assert_eq!(policies().await, (RetryPolicy::default(), waits(&[7])));

    let before = db.store.platform_settings().await.unwrap();
    assert_eq!(before.retry, None);
    let version = Precondition::Version(before.version);
    let policy = waits(&[3, 60]);
    let set = db.store.set_default_retry(version, Some(&policy)).await;
    let set = set.unwrap();
    assert_eq!(set.retry.as_ref(), Some(&policy));
    assert_eq!(db.store.platform_settings().await.unwrap(), set);
    assert_eq!(policies().await, (policy.clone(), waits(&[7])));
    // One that is made, and one that is changed, after it.
    let later = db.endpoint(tenant, "*").await.id;
    let current = live.refresh().await.unwrap();
    assert_eq!(current.target(later).unwrap().endpoint.retry, policy);
    assert!(current.target(plain).is_some());

    let stale = db.store.set_default_retry(version, None).await;
    assert!(matches!(stale, Err(StoreError::VersionMismatch)));
    let any = Precondition::Any;
    db.store.set_default_retry(any, None).await.unwrap();
    assert_eq!(policies().await, (RetryPolicy::default(), waits(&[7])));
    assert_eq!(policies().await.0.waits()[0], Duration::from_secs(5));
}
