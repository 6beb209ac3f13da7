use domain::attempt::AttemptNumber;
use domain::report::Standing;
use store::endpoints::{Precondition, Switch};
use store::{PageRequest, StoreError};

use crate::support::{Db, endpoint_id, matched, minted, report, secret, settings};

const DELIVERED: Standing = Standing::Delivered {
    attempt: AttemptNumber::FIRST,
};

#[tokio::test]
async fn a_change_of_what_is_selected_is_dated_and_no_other_is() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let (store, any) = (&db.store, Precondition::Any);
    let id = db.endpoint(tenant, "*").await.id;
    let since = async || {
        store
            .explained_endpoint(tenant, id)
            .await
            .unwrap()
            .subject
            .selects_since
    };
    let first = since().await;

    let mut next = settings("*");
    next.description = "other".into();
    store.update_endpoint(tenant, id, any, &next).await.unwrap();
    store
        .switch_endpoint(tenant, id, any, Switch::Pause)
        .await
        .unwrap();
    assert_eq!(since().await, first);

    let mut before = first;
    let mut narrower = next.clone();
    narrower.filter = Some("@.n".into());
    let mut labelled = narrower.clone();
    labelled.channels = vec!["eu".parse().unwrap()];
    let mut typed = labelled.clone();
    typed.event_types = vec!["a.b".parse().unwrap()];
    for changed in [narrower, labelled, typed, next] {
        store
            .update_endpoint(tenant, id, any, &changed)
            .await
            .unwrap();
        let after = since().await;
        assert!(after > before, "{changed:?}");
        before = after;
    }
}

#[tokio::test]
async fn endpoints_are_explained_also_when_they_are_gone() {
    let db = Db::new().await;
    let (tenant, other) = (db.tenant().await, db.tenant().await);
    let store = &db.store;
    let before = db.endpoint(tenant, "*").await.id;
    store
        .delete_endpoint(tenant, before, Precondition::Any)
        .await
        .unwrap();
    let [first, second, third] = [
        db.endpoint(tenant, "*").await.id,
        db.endpoint(tenant, "*").await.id,
        db.endpoint(tenant, "*").await.id,
    ];
    let event = db.events(tenant, 1).await.remove(0);
    store
        .delete_endpoint(tenant, second, Precondition::Any)
        .await
        .unwrap();
    db.endpoint(other, "*").await;

    let event = store.event(tenant, event.id).await.unwrap().summary;
    let two = PageRequest {
        after: None,
        rows: 2,
    };
    let page = store.explained_endpoints(&event, two).await.unwrap();
    let ids: Vec<_> = page.rows.iter().map(|one| one.endpoint).collect();
    assert_eq!(ids, [third, second]);
    assert!(page.rows[1].subject.deleted_at.is_some());
    let rest = PageRequest {
        after: page.next,
        rows: 2,
    };
    let page = store.explained_endpoints(&event, rest).await.unwrap();
    let ids: Vec<_> = page.rows.iter().map(|one| one.endpoint).collect();
    assert_eq!((ids, page.next), (vec![first], None));

    let gone = store.explained_endpoint(tenant, before).await.unwrap();
    assert!(gone.subject.deleted_at.is_some());
    let foreign = store.explained_endpoint(other, first).await.unwrap_err();
    assert!(matches!(foreign, StoreError::NotFound), "{foreign:?}");
}

#[tokio::test]
async fn the_latest_delivery_to_each_endpoint_is_found() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let store = &db.store;
    let made = store
        .create_endpoint(tenant, &settings("*"), &secret(1))
        .await;
    let (one, other) = (made.unwrap().id, endpoint_id());
    let event = minted(tenant);
    store
        .record(&[matched(event.clone(), &[one, other])])
        .await
        .unwrap();
    let summary = store.event(tenant, event.id).await.unwrap().summary;
    assert_eq!(
        store
            .latest_deliveries(&summary, &[one, other])
            .await
            .unwrap(),
        []
    );

    let first = report(&event, one, DELIVERED);
    let elsewhere = report(&event, other, DELIVERED);
    let mut replay = report(&event, one, DELIVERED);
    replay.delivery.id = domain::id::DeliveryId::from_uuid(uuid::Uuid::now_v7());
    replay.delivery.trigger = domain::attempt::Trigger::Replay;
    replay.delivery.replay_of = Some(first.delivery.id);
    replay.at = first.at + time::Duration::seconds(1);
    let reports = [first, elsewhere.clone(), replay.clone()];
    store.record_reports(&reports).await.unwrap();

    let latest = store.latest_deliveries(&summary, &[one]).await.unwrap();
    let ids: Vec<_> = latest.iter().map(|found| found.delivery.id).collect();
    assert_eq!(ids, [replay.delivery.id]);
    let latest = store
        .latest_deliveries(&summary, &[one, other])
        .await
        .unwrap();
    assert_eq!(latest.len(), 2);
    assert!(
        latest
            .iter()
            .any(|found| found.delivery.id == elsewhere.delivery.id)
    );
}
