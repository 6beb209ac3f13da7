use domain::breaker::{BreakerNotice, BreakerStanding, BreakerState, KEPT};
use domain::id::{DispatcherId, EndpointId};
use store::StoreError;
use store::endpoints::{Precondition, Settings};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::support::{Db, endpoint_id, now};

fn dispatcher() -> DispatcherId {
    DispatcherId::from_uuid(Uuid::now_v7())
}

fn notice(
    endpoint: EndpointId,
    dispatcher: DispatcherId,
    state: BreakerState,
    since: OffsetDateTime,
) -> BreakerNotice {
    BreakerNotice {
        endpoint,
        dispatcher,
        standing: BreakerStanding { state, since },
    }
}

#[tokio::test]
async fn what_was_said_last_stands_in_whatever_order_it_comes() {
    let db = Db::new().await;
    let (endpoint, one) = (endpoint_id(), dispatcher());
    let begun = now();
    let at = |seconds| begun + time::Duration::seconds(seconds);
    let open = BreakerState::Open { retry_at: at(30) };
    let said = [
        notice(endpoint, one, open, at(0)),
        notice(endpoint, one, BreakerState::HalfOpen, at(31)),
        notice(endpoint, one, BreakerState::Closed, at(32)),
    ];
    let standing = async || {
        let found = db.store.breakers(&[endpoint, endpoint_id()], at(33)).await;
        let found = found.unwrap();
        assert!(found.len() <= 1, "nothing of the other");
        found.get(&endpoint).copied()
    };
    db.store.record_breakers(&[]).await.unwrap();
    assert_eq!(standing().await, None);
    db.store.record_breakers(&said[..1]).await.unwrap();
    assert_eq!(standing().await, Some(said[0].standing));
    db.store.record_breakers(&[said[2], said[1]]).await.unwrap();
    assert_eq!(standing().await, Some(said[2].standing));
    db.store.record_breakers(&said[..2]).await.unwrap();
    assert_eq!(standing().await, Some(said[2].standing));

    // Of several dispatchers the worst counts, as long as it does.
    let other = notice(endpoint, dispatcher(), open, at(1));
    db.store.record_breakers(&[other]).await.unwrap();
    assert_eq!(standing().await, Some(other.standing));
    let later = at(30) + KEPT;
    let found = db.store.breakers(&[endpoint], later).await.unwrap();
    assert_eq!(found[&endpoint], said[2].standing);
}

#[tokio::test]
async fn what_was_said_of_another_url_is_forgotten() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let (mine, other) = (
        db.endpoint(tenant, "*").await,
        db.endpoint(tenant, "*").await,
    );
    let since = now();
    let said = [mine.id, other.id]
        .map(|endpoint| notice(endpoint, dispatcher(), BreakerState::HalfOpen, since));
    db.store.record_breakers(&said).await.unwrap();
    let known = async || {
        let found = db.store.breakers(&[mine.id, other.id], since).await;
        found.unwrap().len()
    };
    let same = Settings {
        description: "another".to_owned(),
        ..mine.settings.clone()
    };
    let update = async |settings, precondition| {
        let store = &db.store;
        store
            .update_endpoint(tenant, mine.id, precondition, settings)
            .await
    };
    update(&same, Precondition::Any).await.unwrap();
    assert_eq!(known().await, 2);
    let moved = Settings {
        url: "https://example.com/mended".parse().unwrap(),
        ..same.clone()
    };
    let stale = update(&moved, Precondition::Version(mine.version)).await;
    assert!(matches!(stale, Err(StoreError::VersionMismatch)));
    assert_eq!(known().await, 2);
    update(&moved, Precondition::Any).await.unwrap();
    assert_eq!(known().await, 1);
}

#[tokio::test]
async fn what_nobody_speaks_of_any_more_is_forgotten() {
    let db = Db::new().await;
    let (old, young) = (endpoint_id(), endpoint_id());
    let since = now();
    let before = since - time::Duration::seconds(1);
    let said = [
        notice(old, dispatcher(), BreakerState::Closed, before),
        notice(young, dispatcher(), BreakerState::Closed, since),
    ];
    db.store.record_breakers(&said).await.unwrap();
    assert_eq!(db.store.forget_breakers(since).await.unwrap(), 1);
    let left = db.store.breakers(&[old, young], since).await.unwrap();
    assert_eq!(left.into_keys().collect::<Vec<_>>(), [young]);
}
