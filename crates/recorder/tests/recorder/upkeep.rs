//! The record's partitions and idempotency keys, and the ledger.

use broker::topology::Route;
use domain::tier::Tier;
use store::ledger::Balance;
use testkit::eventually;
use time::{Duration, OffsetDateTime};
use wire::MessageType;

use crate::rig::{PATIENCE, Rig, shard};

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

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_are_forgotten_after_their_window() {
    let rig = Rig::prepare().await;
    let key = |id: u8, expires: &str| {
        format!(
            "insert into idempotency_keys (event_id, tenant_id, ingest_id, fingerprint, day, \
             expires_at) values ('00000000-0000-8000-8000-00000000000{id}', gen_random_uuid(), \
             gen_random_uuid(), sha256(''), current_date, now() {expires})"
        )
    };
    rig.stack.execute(&key(1, "- interval '1 minute'")).await;
    rig.stack.execute(&key(2, "+ interval '1 hour'")).await;
    rig.work().await;
    let left = "do $$ begin assert (select count(*) from idempotency_keys) = 1 and exists \
                (select from idempotency_keys where expires_at > now()); end $$";
    rig.stack.execute(left).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_taken_again_and_again() {
    let rig = Rig::start().await;
    let before = rig.store.ledger().await.unwrap().taken_at;
    let report = rig.report();
    rig.store
        .record_reports(std::slice::from_ref(&report))
        .await
        .unwrap();
    rig.publish(Route::events(shard()), MessageType::Accepted, Vec::new())
        .await;
    let ledger = eventually(PATIENCE, "the ledger is taken", async || {
        let ledger = rig.store.ledger().await.unwrap();
        let is_new = ledger.taken_at > before && ledger.counts.delivered == 1;
        if is_new && ledger.fanout_messages == Some(1) {
            Ok(ledger)
        } else {
            Err(ledger)
        }
    })
    .await;
    // A report of an event that nobody recorded.
    assert_eq!(ledger.counts.unsettled(), -1);
    assert_eq!(ledger.balance(), Balance::Unbalanced);
    // And what waits is on record, for the overview.
    let depths = rig.store.depths().await.unwrap().depths;
    let fanout = depths.iter().find(|one| one.name == "fanout");
    assert_eq!(fanout.map(|one| one.messages), Some(1), "{depths:?}");
    let tiers = depths.iter().filter(|one| one.delay.is_some());
    assert_eq!(tiers.count(), Tier::all().count());
    rig.stop().await;
}
