//! Endpoints that aren't to be sent to.

use broker::topology::queue;
use domain::report::Standing;
use store::endpoints::{Precondition, Switch};
use testkit::{Receiver, Respond};

use crate::world::{SOON, World, config, shard};

#[tokio::test]
async fn what_is_for_a_paused_endpoint_is_held() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let (any, pause) = (Precondition::Any, Switch::Pause);
    world
        .store
        .switch_endpoint(world.tenant, endpoint, any, pause)
        .await
        .unwrap();
    world.endpoints.refresh().await.unwrap();
    let dispatch = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&dispatch)).await;

    let report = world.reports(&dispatch, 1).await.remove(0);
    assert!(matches!(report.standing, Standing::Held { attempt } if attempt.get() == 1));
    assert_eq!(report.attempt, None);
    world.drained(&queue::dispatch_fresh(shard())).await;

    // Released with the same attempt, it is no longer held back.
    world
        .store
        .switch_endpoint(world.tenant, endpoint, any, Switch::Enable)
        .await
        .unwrap();
    world.endpoints.refresh().await.unwrap();
    world.publish(std::slice::from_ref(&dispatch)).await;
    receiver.wait_for(1, SOON).await;
    world.stop().await;
}

#[tokio::test]
async fn what_is_for_a_deleted_endpoint_is_cancelled() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    world
        .store
        .delete_endpoint(world.tenant, endpoint, Precondition::Any)
        .await
        .unwrap();
    world.endpoints.refresh().await.unwrap();
    let dispatch = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&dispatch)).await;

    let report = world.reports(&dispatch, 1).await.remove(0);
    assert!(matches!(report.standing, Standing::Cancelled { .. }));
    assert_eq!(receiver.requests().len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn what_is_over_the_cap_goes_to_the_slow_lane_and_arrives() {
    let world = World::with(config(&["--dispatcher-endpoint-in-flight=1"])).await;
    let slow = Respond::ok().after(std::time::Duration::from_millis(600));
    let receiver = Receiver::start([slow, Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let batch = [world.dispatch(endpoint), world.dispatch(endpoint)];
    world.publish(&batch).await;

    let requests = receiver.wait_for(2, SOON).await;
    let gap = requests[1].at - requests[0].at;
    assert!(
        gap >= std::time::Duration::from_millis(600),
        "one at a time: {gap:?}"
    );
    for dispatch in &batch {
        let report = world.reports(dispatch, 1).await.remove(0);
        assert!(matches!(report.standing, Standing::Delivered { attempt } if attempt.get() == 1));
    }
    world.stop().await;
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_never_connected_to() {
    let receiver = Receiver::start([Respond::ok()]).await;
    let elsewhere = config(&[]);
    let world = World::with(dispatcher::Config {
        addresses: dispatcher::Addresses {
            allow_network: vec!["10.0.0.0/8".parse().unwrap()],
            ..config(&[]).addresses
        },
        ..elsewhere
    })
    .await;
    let endpoint = world.endpoint(&receiver.url(), &[]).await;
    let dispatch = world.dispatch(endpoint);
    world.publish(std::slice::from_ref(&dispatch)).await;

    let report = world.reports(&dispatch, 1).await.remove(0);
    let failure = report.attempt.and_then(|attempt| attempt.failure());
    assert_eq!(
        failure.map(|failure| failure.as_str()),
        Some("address_forbidden")
    );
    assert_eq!(receiver.requests().len(), 0);
    world.stop().await;
}
