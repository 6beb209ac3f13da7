//! While Postgres is down, deliveries and retries go on.

use std::sync::Arc;

use domain::dispatch::Payload;
use domain::report::Standing;
use testkit::{Receiver, Respond};

use crate::world::{SOON, World};

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
