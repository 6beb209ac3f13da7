//! Many deliveries to one endpoint at once.

use std::collections::HashMap;
use std::time::Duration;

use broker::topology::queue;
use domain::report::Standing;
use testkit::receiver::Request;
use testkit::{Receiver, Respond};

use crate::world::{SOON, World, config, shard};

/// The requests of each event, in their order.
fn by_event(requests: &[Request]) -> HashMap<String, Vec<Request>> {
    let mut events: HashMap<String, Vec<Request>> = HashMap::new();
    for request in requests {
        let id = request.headers["webhook-id"].to_str().unwrap().to_owned();
        events.entry(id).or_default().push(request.clone());
    }
    events
}

#[tokio::test]
async fn a_crowd_arrives_once_each() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok().after(Duration::from_millis(5))]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let crowd: Vec<_> = (0..512).map(|_| world.dispatch(endpoint)).collect();
    for batch in crowd.chunks(32) {
        world.publish(batch).await;
    }

    receiver.wait_for(512, SOON).await;
    for dispatch in &crowd {
        let report = world.reports(dispatch, 1).await.remove(0);
        assert!(matches!(report.standing, Standing::Delivered { attempt } if attempt.get() == 1));
    }
    world.drained(&queue::dispatch_fresh(shard())).await;
    world.drained(&queue::dispatch_retry(shard())).await;
    assert_eq!(by_event(&receiver.requests()).len(), 512);
    assert_eq!(receiver.requests().len(), 512);
    world.stop().await;
}

/// An endpoint that fails at once is no reason to be late, though it is sent less at a time.
#[tokio::test]
async fn a_crowd_of_failures_keeps_the_schedule() {
    // A breaker would put it off.
    let world = World::with(config(&["--dispatcher-breaker=off"])).await;
    let script = [Respond::status(500), Respond::status(500), Respond::ok()];
    let receiver = Receiver::start_for_each("webhook-id", script).await;
    let endpoint = world.endpoint(&receiver.url(), &[2, 5]).await;
    let crowd: Vec<_> = (0..32).map(|_| world.dispatch(endpoint)).collect();
    world.publish(&crowd).await;

    let requests = receiver.wait_for(3 * 32, SOON).await;
    for attempts in by_event(&requests).values() {
        let gaps: Vec<_> = attempts
            .windows(2)
            .map(|pair| pair[1].at - pair[0].at)
            .collect();
        for (gap, wait) in gaps.iter().zip([2, 5]) {
            // A tenth of jitter, and what comes early by a twentieth counts as kept. The tests
            // share the machine with others: the exact delay is for the benchmark to show.
            let wait = Duration::from_secs(wait);
            assert!(*gap >= wait.mul_f64(0.95), "{gap:?} for {wait:?}");
            assert!(
                *gap <= wait.mul_f64(1.1) + Duration::from_secs(2),
                "{gap:?} for {wait:?}"
            );
        }
    }
    world.stop().await;
}

/// A tenth of the traffic goes to an endpoint that never answers: the others don't notice.
#[tokio::test]
async fn a_hanging_neighbour_slows_nobody_down() {
    let world = World::start().await;
    let healthy = Receiver::start([Respond::ok()]).await;
    let hanging = Receiver::start([Respond::hang()]).await;
    let good = world.endpoint(&healthy.url(), &[1]).await;
    let bad = world
        .endpoint_with(&hanging.url(), &[60], |settings| {
            settings.timeout = Duration::from_secs(5);
        })
        .await;
    for _ in 0..20 {
        let batch: Vec<_> = (0..30)
            .map(|at| world.dispatch(if at % 10 == 0 { bad } else { good }))
            .collect();
        world.publish(&batch).await;
    }

    let arrived = healthy.wait_for(540, SOON).await;
    let took = arrived[539].at - arrived[0].at;
    assert!(
        took < Duration::from_secs(4),
        "less than one deadline: {took:?}"
    );
    assert!(hanging.requests().len() >= 8, "the fault happened");
    world.stop().await;
}
