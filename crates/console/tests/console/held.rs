//! What becomes of deliveries that were held while their endpoint was paused.

use domain::attempt::Trigger;
use serde_json::{Value, json};
use testkit::eventually;

use crate::past::{self, HELD};
use crate::world::{PATIENCE, World, text};

async fn switch(world: &World, endpoint: &Value, deed: &str) {
    let path = format!("endpoints/{}/{deed}", text(endpoint, "id"));
    let path = world.acme.path(&path);
    let answer = world.post(&world.acme.key, &path, json!(null)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn state(world: &World, delivery: domain::id::DeliveryId) -> String {
    let path = world.acme.path(&format!("deliveries/{delivery}"));
    let found = world.get(&world.acme.key, &path).await.json();
    text(&found, "state").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_goes_on_when_its_endpoint_does() {
    let world = World::start().await;
    let (paused, enabled) = (
        world.endpoint(&world.acme).await,
        world.endpoint(&world.acme).await,
    );
    switch(&world, &paused, "pause").await;
    let held = past::delivery(&world, &world.acme, &paused, HELD).await;
    let freed = past::delivery(&world, &world.acme, &enabled, HELD).await;

    // The round that releases the one sees the other too, and leaves it.
    let first = world.next_on_retry_lane().await;
    assert_eq!(first.due.delivery, freed.delivery);
    assert_eq!(state(&world, held.delivery.id).await, "held");

    switch(&world, &paused, "resume").await;
    let second = world.next_on_retry_lane().await;
    assert_eq!(second.due.delivery, held.delivery);
    assert_eq!(second.due.delivery.trigger, Trigger::Automatic);
    assert_eq!(second.due.attempt, HELD.attempt());
    for one in [freed, held] {
        eventually(PATIENCE, "it is marked waiting", async || {
            state(&world, one.delivery.id).await == "waiting"
        })
        .await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_ends_with_its_endpoint() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    switch(&world, &endpoint, "pause").await;
    let held = past::delivery(&world, &world.acme, &endpoint, HELD).await;
    let path = format!("endpoints/{}", text(&endpoint, "id"));
    let deleted = world.delete(&world.acme.key, &world.acme.path(&path)).await;
    assert_eq!(deleted.status, 204);
    eventually(PATIENCE, "it is cancelled", async || {
        state(&world, held.delivery.id).await == "cancelled"
    })
    .await;
    world.stop().await;
}

/// The broker is away when an endpoint is resumed: what was held stays held until it is back.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_is_not_lost_with_the_broker() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    world.lose_broker().await;
    let held = past::delivery(&world, &world.acme, &endpoint, HELD).await;
    assert_eq!(state(&world, held.delivery.id).await, "held");
    world.find_broker().await;
    let sent = world.next_on_retry_lane().await;
    assert_eq!(sent.due.delivery, held.delivery);
    eventually(PATIENCE, "it is marked waiting", async || {
        state(&world, held.delivery.id).await == "waiting"
    })
    .await;
    world.stop().await;
}
