//! Endpoints that fail too much, and are left alone for a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use broker::topology::queue;
use domain::breaker::BreakerState;
use domain::outcome::Failure;
use domain::report::Standing;
use testkit::receiver::Request;
use testkit::{Receiver, Respond, eventually};

use crate::world::{SOON, World, config, shard};

/// Opens at four failures, at first for a second.
const QUICK: [&str; 2] = [
    "--dispatcher-breaker-tries=4",
    "--dispatcher-breaker-open=1s",
];

/// Waits until a breaker was told to have opened so often.
async fn opened(world: &World, times: usize) {
    let is_open = |state: &&BreakerState| matches!(state, BreakerState::Open { .. });
    let wanted = |told: &[BreakerState]| told.iter().filter(is_open).count() >= times;
    world.breakers("open so often", wanted).await;
}

/// How many requests came of each event.
fn by_event(requests: &[Request]) -> HashMap<String, u16> {
    let mut events = HashMap::new();
    for request in requests {
        let id = request.headers["webhook-id"].to_str().unwrap().to_owned();
        *events.entry(id).or_default() += 1;
    }
    events
}

/// From healthy to open, probed in vain, probed with success, closed: nothing is attempted while it
/// is open, no attempt is counted for waiting, and everything arrives in the end.
#[tokio::test]
async fn what_an_open_breaker_puts_off_arrives_when_it_has_closed() {
    let world = World::with(config(&QUICK)).await;
    let status = Arc::new(AtomicU16::new(500));
    let answer = Arc::clone(&status);
    let receiver = Receiver::with(move |_| Respond::status(answer.load(Ordering::Relaxed))).await;
    let endpoint = world.endpoint(&receiver.url(), &[1; 50]).await;
    let mut all: Vec<_> = (0..4).map(|_| world.dispatch(endpoint)).collect();
    world.publish(&all).await;
    opened(&world, 1).await;

    let before = receiver.requests().len();
    assert_eq!(before, 4);
    let later: Vec<_> = (0..40).map(|_| world.dispatch(endpoint)).collect();
    world.publish(&later).await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    // Half-open, and open again by the first probe that failed.
    opened(&world, 2).await;
    let probes = receiver.requests().len() - before;
    assert!((1..=3).contains(&probes), "{probes} probes");

    status.store(200, Ordering::Relaxed);
    all.extend(later);
    let arrived = eventually(SOON * 3, "every event has arrived", async || {
        let requests = by_event(&receiver.requests());
        (requests.len() == all.len())
            .then_some(())
            .ok_or(requests.len())
    });
    arrived.await;
    for dispatch in &all {
        let id = dispatch.content.event.to_string();
        eventually(SOON, "the delivery is reported", async || {
            let reports = world.reports(dispatch, 1).await;
            let delivered = reports.iter().find_map(|report| match report.standing {
                Standing::Delivered { attempt } => Some(attempt.get()),
                _ => None,
            });
            let Some(attempt) = delivered else {
                // The next look takes the reports that have come meanwhile.
                return Err(world.reports(dispatch, reports.len() + 1).await);
            };
            assert_eq!(
                by_event(&receiver.requests())[&id],
                attempt,
                "no more are counted"
            );
            Ok(())
        })
        .await;
    }
    let is_closed = |told: &[BreakerState]| told.last() == Some(&BreakerState::Closed);
    world.breakers("closed in the end", is_closed).await;
    world.stop().await;
}

/// A crowd waits before an endpoint whose probes hang: no more than these are sent.
#[tokio::test]
async fn a_crowd_does_not_follow_the_probes() {
    let world = World::with(config(&QUICK)).await;
    let four_failures = std::iter::repeat_n(Respond::status(503), 4);
    let receiver = Receiver::start(four_failures.chain([Respond::hang()])).await;
    let endpoint = world
        .endpoint_with(&receiver.url(), &[60], |settings| {
            settings.timeout = Duration::from_secs(3);
        })
        .await;
    let first: Vec<_> = (0..4).map(|_| world.dispatch(endpoint)).collect();
    world.publish(&first).await;
    opened(&world, 1).await;
    let crowd: Vec<_> = (0..100).map(|_| world.dispatch(endpoint)).collect();
    for batch in crowd.chunks(32) {
        world.publish(batch).await;
    }

    // Again, when the probes have timed out.
    opened(&world, 2).await;
    let probes = receiver.requests().len() - 4;
    assert!((1..=3).contains(&probes), "{probes} probes");
    world.stop().await;
}

/// An endpoint that is up and refuses what it is sent is not left alone.
#[tokio::test]
async fn answers_that_speak_of_the_request_open_nothing() {
    let world = World::with(config(&QUICK)).await;
    let receiver = Receiver::start([Respond::status(422)]).await;
    let endpoint = world.endpoint(&receiver.url(), &[]).await;
    let crowd: Vec<_> = (0..32).map(|_| world.dispatch(endpoint)).collect();
    world.publish(&crowd).await;
    receiver.wait_for(32, SOON).await;
    for dispatch in &crowd {
        let report = world.reports(dispatch, 1).await.remove(0);
        assert!(matches!(report.standing, Standing::Dead { .. }));
    }
    world.stop().await;
}

/// Nobody listens there any more.
#[tokio::test]
async fn connections_that_are_refused_open_it() {
    let world = World::with(config(&QUICK)).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let url = receiver.url();
    drop(receiver);
    let endpoint = world.endpoint(&url, &[60]).await;
    let first: Vec<_> = (0..4).map(|_| world.dispatch(endpoint)).collect();
    world.publish(&first).await;
    opened(&world, 1).await;
    let report = world.reports(&first[0], 1).await.remove(0);
    let failure = report.attempt.and_then(|attempt| attempt.failure());
    assert_eq!(failure, Some(Failure::ConnectionRefused));
    world.stop().await;
}

/// A thousand endpoints at one host that hangs: no more than twice its cap are sent to at once, and
/// the lane of first attempts is free for others all the same.
#[tokio::test]
async fn a_thousand_endpoints_of_a_slow_host_share_its_places() {
    let world = World::with(config(&["--dispatcher-host-in-flight=8"])).await;
    let receiver = Receiver::start([Respond::hang()]).await;
    let mut batch = Vec::new();
    for number in 0..1_000 {
        let url = format!("{}/{number}", receiver.url());
        let endpoint = world.new_endpoint(&url, &[3_600], |settings| {
            settings.timeout = Duration::from_secs(30);
        });
        batch.push(world.dispatch(endpoint.await));
    }
    world.endpoints.refresh().await.unwrap();
    for dispatches in batch.chunks(32) {
        world.publish(dispatches).await;
    }
    world.drained(&queue::dispatch_fresh(shard())).await;
    receiver.wait_for(16, SOON).await;
    // They hang for longer than anybody waits for the dispatcher's end: nobody waits for it.
    assert_eq!(receiver.requests().len(), 16);
}

/// Six slow endpoints at one host: all of them together get twice its cap, and no more.
#[tokio::test]
async fn the_endpoints_of_a_slow_host_share_its_places() {
    let world = World::with(config(&["--dispatcher-host-in-flight=2"])).await;
    let receiver = Receiver::start([Respond::hang()]).await;
    let mut batch = Vec::new();
    for number in 0..6 {
        let url = format!("{}/{number}", receiver.url());
        let endpoint = world.endpoint_with(&url, &[60], |settings| {
            settings.timeout = Duration::from_secs(10);
        });
        let endpoint = endpoint.await;
        batch.extend((0..4).map(|_| world.dispatch(endpoint)));
    }
    world.publish(&batch).await;
    world.drained(&queue::dispatch_fresh(shard())).await;
    receiver.wait_for(4, SOON).await;
    world.drained(&queue::dispatch_retry(shard())).await;
    assert_eq!(receiver.requests().len(), 4);
    world.stop().await;
}
