//! How far the lanes have come, as the record is told.

use std::time::Duration;

use broker::topology::{Route, queue};
use domain::shard::Shards;
use domain::tier::Tier;
use testkit::{Receiver, Respond};
use time::OffsetDateTime;

use crate::world::{World, config, encode, shard};

#[tokio::test]
async fn lanes_that_are_empty_are_passed_up_to_now() {
    let world = World::start().await;
    let begun = OffsetDateTime::now_utc();
    let lanes = queue::first_lanes(Shards::ONE).into_iter();
    for lane in lanes.chain(queue::later_lanes(Shards::ONE)) {
        let told = world.watermark(&lane, |told| told.passed_at > begun).await;
        assert_eq!(told.lag, Duration::ZERO, "{lane}");
        assert!(told.passed_at < OffsetDateTime::now_utc());
    }
    world.stop().await;
}

/// A lane whose dispatcher holds all that it may is not empty, however long nothing comes.
#[tokio::test]
async fn a_lane_with_a_backlog_is_passed_up_to_what_was_taken() {
    let world = World::with(config(&["--dispatcher-retry-prefetch", "1"])).await;
    let receiver = Receiver::start([Respond::ok().after(Duration::from_millis(900))]).await;
    let endpoint = world.endpoint(&receiver.url(), &[3_600]).await;
    let lane = queue::dispatch_retry(shard());

    // All come out of the tier together, and are taken one by one.
    let tier = Tier::all().next().unwrap();
    for _ in 0..12 {
        let item = encode(&world.dispatch(endpoint));
        world
            .publish_items(Route::retry(tier, shard()), vec![item])
            .await;
    }
    let came = OffsetDateTime::now_utc() + tier.delay();
    let behind = Duration::from_secs(4);
    let told = world.watermark(&lane, |told| told.lag >= behind).await;
    assert!(
        (told.passed_at - came).abs() <= Duration::from_secs(2),
        "it came at {came}, and {told:?}"
    );
    world.stop().await;
}
