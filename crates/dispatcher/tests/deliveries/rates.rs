//! Endpoints that may be sent only so many requests a second.

use std::time::Duration;

use broker::topology::queue;
use domain::dispatch::Dispatch;
use domain::endpoint::RateLimit;
use domain::report::Standing;
use testkit::receiver::Request;
use testkit::{Receiver, Respond};

use crate::world::{SOON, World, config, shard};

const PER_SECOND: u32 = 10;
const BURST: u32 = 5;

/// By how much a request may come late and the next one on time, on a busy machine.
const LATE: Duration = Duration::from_millis(500);

/// The most that the bucket lets through in this time.
fn most(span: Duration) -> f64 {
    f64::from(BURST) + f64::from(PER_SECOND) * span.as_secs_f64()
}

/// Asserts that in no window more came than the bucket lets through.
fn assert_held(requests: &[Request]) {
    for first in 0..requests.len() {
        for last in first..requests.len() {
            let span = requests[last].at - requests[first].at + LATE;
            let count = u32::try_from(last - first + 1).unwrap();
            assert!(f64::from(count) <= most(span), "{count} within {span:?}");
        }
    }
}

/// Publishes so many deliveries to an endpoint with a limit, each as a message of its own.
async fn published(world: &World, receiver: &Receiver, count: usize) -> Vec<Dispatch> {
    let endpoint = world
        .endpoint_with(&receiver.url(), &[60], |settings| {
            settings.rate_limit = Some(RateLimit::new(PER_SECOND, BURST).unwrap());
        })
        .await;
    let all: Vec<_> = (0..count).map(|_| world.dispatch(endpoint)).collect();
    for dispatch in &all {
        world.publish(std::slice::from_ref(dispatch)).await;
    }
    all
}

#[tokio::test]
async fn a_rate_limit_is_held_and_everything_arrives_at_its_first_attempt() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let all = published(&world, &receiver, 60).await;
    // What is above the limit waits in the tiers, and not here.
    world.drained(&queue::dispatch_fresh(shard())).await;
    let requests = receiver.wait_for(60, SOON * 3).await;
    assert_held(&requests);
    for dispatch in &all {
        let report = world.reports(dispatch, 1).await.remove(0);
        assert!(matches!(report.standing, Standing::Delivered { attempt } if attempt.get() == 1));
    }
    assert_eq!(receiver.requests().len(), 60);
    world.stop().await;
}

/// Two dispatchers send no more than one would. The first learns of the second within two seconds.
#[tokio::test]
async fn a_rate_limit_is_shared_by_the_dispatchers() {
    let world = World::start().await;
    world.join(config(&[])).await;
    let receiver = Receiver::start([Respond::ok()]).await;
    published(&world, &receiver, 100).await;
    let requests = receiver.wait_for(100, SOON * 3).await;
    let took = requests[99].at - requests[0].at;
    let unshared = Duration::from_secs(2);
    assert!(
        most(took + LATE + unshared) >= 100.0,
        "100 requests within {took:?}"
    );
    world.stop().await;
}
