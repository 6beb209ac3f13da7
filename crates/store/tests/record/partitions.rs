use store::StoreError;
use time::Duration;
use time::macros::date;

use crate::support::{Db, answered, endpoint_id, matched, minted, now, number, report};
use domain::report::Standing;

#[tokio::test]
async fn a_missing_partition_is_named_and_made() {
    let db = Db::new().await;
    let mut event = minted(db.tenant().await);
    event.accepted_at = now() + Duration::days(90);
    let batch = [matched(event.clone(), &[])];
    let error = db.store.record(&batch).await.unwrap_err();
    assert!(matches!(error, StoreError::MissingPartition), "{error:?}");
    let standing = Standing::Delivered { attempt: number(1) };
    let mut delivered = report(&event, endpoint_id(), standing);
    delivered.attempt = Some(answered(1, 200));
    let error = db
        .store
        .record_reports(&[delivered.clone()])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::MissingPartition), "{error:?}");

    let day = event.accepted_at.date();
    db.store.ensure_partitions_for(&[day]).await.unwrap();
    db.store.record(&batch).await.unwrap();
    db.store.record_reports(&[delivered]).await.unwrap();
}

#[tokio::test]
async fn several_processes_may_make_and_drop_at_once() {
    let db = Db::new().await;
    let before = db.store.partitions().await.unwrap();
    let today = date!(2020 - 02 - 28);
    let make = || db.store.ensure_partitions(today, 3);
    let (a, b, c) = tokio::join!(make(), make(), make());
    a.and(b).and(c).unwrap();
    let made = db.store.partitions().await.unwrap();
    assert_eq!(made[0], date!(2020 - 02 - 27));
    assert_eq!(made.len(), before.len() + 5);

    let drop = || db.store.drop_partitions_before(date!(2020 - 03 - 01));
    let (a, b) = tokio::join!(drop(), drop());
    a.and(b).unwrap();
    let left = db.store.partitions().await.unwrap();
    assert_eq!(left[..2], [date!(2020 - 03 - 01), date!(2020 - 03 - 02)]);
    assert_eq!(left.len(), before.len() + 2);
}

#[tokio::test]
async fn partitions_have_the_indexes_of_their_tables() {
    let db = Db::new().await;
    let stray = "select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid
        where c.relname ~ '_[0-9]{8}_' and not c.relispartition";
    assert_eq!(db.value(stray).await, "0");
}

#[tokio::test]
async fn dropping_a_day_drops_what_is_in_it() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let [event] = &db.events(tenant, 1).await[..] else {
        panic!()
    };
    let after = event.accepted_at.date().next_day().unwrap();
    let dropped = db.store.drop_partitions_before(after).await.unwrap();
    assert!(dropped.contains(&event.accepted_at.date()));
    let error = db.store.event(tenant, event.id).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound));
}

#[tokio::test]
async fn too_many_days_are_refused() {
    let db = Db::new().await;
    let days = vec![date!(2020 - 01 - 01); 401];
    let error = db.store.ensure_partitions_for(&days).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict));
}
