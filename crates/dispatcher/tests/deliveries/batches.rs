//! Items of one message don't harm each other.

use std::sync::Arc;

use broker::topology::{Lane, Route, queue};
use bytes::Bytes;
use domain::report::Standing;
use testkit::{Receiver, Respond};
use time::macros::datetime;

use crate::world::{SOON, World, encode, shard};

#[tokio::test]
async fn an_item_that_hangs_does_not_hold_its_batch() {
    let world = World::start().await;
    let healthy = Receiver::start([Respond::ok()]).await;
    let hanging = Receiver::start([Respond::hang()]).await;
    let good = world.endpoint(&healthy.url(), &[1]).await;
    let bad = world.endpoint(&hanging.url(), &[30]).await;
    let mut batch: Vec<_> = (0..31).map(|_| world.dispatch(good)).collect();
    let stuck = world.dispatch(bad);
    batch.push(stuck.clone());
    world.publish(&batch).await;

    healthy.wait_for(31, SOON).await;
    hanging.wait_for(1, SOON).await;
    // The deadline is 15 s: the message is acknowledged long before.
    let limit = std::time::Duration::from_secs(8);
    world
        .drained_within(&queue::dispatch_fresh(shard()), limit)
        .await;
    for dispatch in &batch[..31] {
        let report = world.reports(dispatch, 1).await.remove(0);
        assert!(matches!(report.standing, Standing::Delivered { .. }));
    }
    // The attempt itself goes on to its deadline, is settled once, and its copy adds nothing.
    let report = world.reports(&stuck, 1).await.remove(0);
    let failure = report.attempt.and_then(|attempt| attempt.failure());
    assert_eq!(
        failure.map(|failure| failure.as_str()),
        Some("response_timeout")
    );
    assert_eq!(hanging.requests().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_parked_alone() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let good: Vec<_> = (0..4).map(|_| world.dispatch(endpoint)).collect();
    let mut items: Vec<_> = good.iter().map(encode).collect();
    let poison = Bytes::from_static(b"\xff\xff\xff not protobuf");
    items.insert(2, poison.clone());
    world
        .publish_items(Route::dispatch_now(shard()), items)
        .await;

    let letter = world.dead_letter().await;
    assert_eq!(letter.reason(), "undecodable");
    assert_eq!(letter.origin(), queue::dispatch_fresh(shard()));
    assert_eq!(letter.items(), [poison]);
    receiver.wait_for(4, SOON).await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    world.stop().await;
}

#[tokio::test]
async fn what_is_in_quarantine_is_tried_alone() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let route = Route::quarantine(Lane::Dispatch);
    let innocent = world.dispatch(endpoint);
    let poison = Bytes::from_static(b"\xff poison");
    world.publish_items(route.clone(), vec![poison]).await;
    world.publish_items(route, vec![encode(&innocent)]).await;

    let letter = world.dead_letter().await;
    assert_eq!(letter.reason(), "undecodable");
    assert_eq!(letter.origin(), queue::quarantine(Lane::Dispatch));
    receiver.wait_for(1, SOON).await;
    let report = world.reports(&innocent, 1).await.remove(0);
    assert!(matches!(report.standing, Standing::Delivered { .. }));
    world.drained(&queue::quarantine(Lane::Dispatch)).await;
    world.stop().await;
}

#[tokio::test]
async fn an_item_that_panics_is_parked_alone() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let good = world.dispatch(endpoint);
    let mut poison = world.dispatch(endpoint);
    // No ingest lets such an instant pass: there is no text for it.
    Arc::make_mut(&mut poison.content).timestamp = datetime!(-0005-01-01 0:00 UTC);
    world.publish(&[poison.clone(), good.clone()]).await;

    let letter = world.dead_letter().await;
    assert_eq!(letter.reason(), "panicked");
    assert_eq!(letter.dispatch().due, poison.due);
    world.reports(&good, 1).await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    world.stop().await;
}
