//! The record's partitions.

use testkit::eventually;
use time::{Duration, OffsetDateTime};

use crate::rig::{PATIENCE, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_made_ahead_and_dropped_when_their_time_is_over() {
    let rig = Rig::prepare().await;
    let today = OffsetDateTime::now_utc().date();
    let kept = today - Duration::days(29);
    let over = today - Duration::days(32);
    rig.store
        .ensure_partitions_for(&[kept, over])
        .await
        .unwrap();
    rig.work().await;
    eventually(PATIENCE, "the partitions are looked after", async || {
        let days = rig.store.partitions().await.unwrap();
        let ahead = today + Duration::days(i64::from(store::partitions::DAYS_AHEAD));
        let done = !days.contains(&over) && days.contains(&kept) && days.contains(&ahead);
        if done { Ok(()) } else { Err(days) }
    })
    .await;
    rig.stop().await;
}
