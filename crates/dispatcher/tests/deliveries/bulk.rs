//! The bulk lane: what is above its tenant's share.

use broker::topology::{Route, queue};
use domain::dispatch::Dispatch;
use domain::report::Standing;
use testkit::{Receiver, Respond, eventually};

use crate::world::{SOON, World, config, encode, shard};

async fn publish(world: &World, dispatches: &[Dispatch]) {
    let items = dispatches.iter().map(encode).collect();
    world
        .publish_items(Route::dispatch_bulk(shard()), items)
        .await;
}

/// The dead letter says where the last attempt came from.
#[tokio::test]
async fn what_is_retried_comes_back_by_the_bulk_lane() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::status(500)]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let dispatch = world.dispatch(endpoint);
    publish(&world, std::slice::from_ref(&dispatch)).await;

    let letter = world.dead_letter().await;
    assert_eq!(letter.reason(), "exhausted");
    assert_eq!(letter.origin(), queue::dispatch_bulk(shard()));
    assert_eq!(letter.dispatch().due.attempt.get(), 2);
    let reports = world.reports(&dispatch, 2).await;
    assert!(matches!(reports[1].standing, Standing::Dead { .. }));
    world.drained(&queue::dispatch_bulk(shard())).await;
    world.stop().await;
}

/// One request at a time, and the first never ends: whoever has no room waits in the tiers and
/// comes back by the bulk lane. The retry lane, where others' retries are, sees nothing of it.
#[tokio::test]
async fn a_crowd_of_the_bulk_lane_stays_out_of_the_retry_lane() {
    let world = World::with(config(&["--dispatcher-endpoint-in-flight=1"])).await;
    let receiver = Receiver::start([Respond::hang()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[60]).await;
    let crowd: Vec<_> = (0..6).map(|_| world.dispatch(endpoint)).collect();
    publish(&world, &crowd).await;
    receiver.wait_for(1, SOON).await;
    world.drained(&queue::dispatch_bulk(shard())).await;
    world.stop_dispatcher().await;

    let admin = world.stack.broker_admin();
    let ready = async |queue: String| admin.queue(&queue).await.unwrap().ready;
    eventually(SOON, "the crowd to be back on the bulk lane", async || {
        let back = ready(queue::dispatch_bulk(shard())).await;
        (back >= 5).then_some(()).ok_or(back)
    })
    .await;
    assert_eq!(ready(queue::dispatch_retry(shard())).await, 0);
}
