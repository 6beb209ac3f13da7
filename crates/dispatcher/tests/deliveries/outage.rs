//! What needs the record, and what doesn't.

use std::sync::Arc;
use std::time::Duration;

use broker::topology::queue;
use domain::dispatch::Payload;
use domain::id::EndpointId;
use domain::report::Standing;
use testkit::{Receiver, Respond};
use uuid::Uuid;

use crate::world::{SOON, World, shard};

#[tokio::test]
async fn without_postgres_deliveries_and_retries_go_on() {
    let world = World::start().await;
    let receiver =
        Receiver::start_for_each("webhook-id", [Respond::status(500), Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    world.cut_postgres().await;

    let dispatch = world.dispatch(endpoint);
    let mut large = world.dispatch(endpoint);
    Arc::make_mut(&mut large.content).payload = Payload::Stored;
    world.publish(&[dispatch.clone(), large.clone()]).await;
    let requests = receiver.wait_for(2, SOON).await;
    let id = dispatch.content.event.to_string();
    assert!(
        requests
            .iter()
            .all(|one| one.headers["webhook-id"] == id.as_str())
    );
    let reports = world.reports(&dispatch, 2).await;
    assert!(matches!(reports[1].standing, Standing::Delivered { .. }));
    world.stop().await;
}

#[tokio::test]
async fn a_large_payload_is_read_from_the_record() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    let mut dispatch = world.dispatch(endpoint);
    let data = format!("[{}1e400]", " ".repeat(64 * 1024));
    world.record_event(&dispatch, data.clone().into()).await;
    Arc::make_mut(&mut dispatch.content).payload = Payload::Stored;
    world.publish(std::slice::from_ref(&dispatch)).await;

    let request = receiver.wait_for(1, SOON).await.remove(0);
    let body = std::str::from_utf8(&request.body).unwrap();
    assert!(body.contains(&format!(r#""data":{data},"timestamp""#)));
    signature::guide::verify([&world.secret], &request.body).unwrap();
    world.stop().await;
}

/// Postgres holds its connections and says nothing: what needs it is put off, and its neighbours'
/// message is acknowledged.
#[tokio::test]
async fn a_silent_postgres_holds_no_batch() {
    let world = World::start().await;
    let receiver = Receiver::start([Respond::ok()]).await;
    let endpoint = world.endpoint(&receiver.url(), &[1]).await;
    world.stall_postgres();
    let inline = world.dispatch(endpoint);
    let mut large = world.dispatch(endpoint);
    Arc::make_mut(&mut large.content).payload = Payload::Stored;
    let unknown = world.dispatch(EndpointId::from_uuid(Uuid::new_v4()));
    world.publish(&[inline.clone(), large, unknown]).await;

    receiver.wait_for(1, SOON).await;
    world.reports(&inline, 1).await;
    let limit = Duration::from_secs(10);
    let fresh = queue::dispatch_fresh(shard());
    world.drained_within(&fresh, limit).await;
    assert_eq!(receiver.requests().len(), 1);
    world.stop().await;
}
