//! Replays: a new delivery on the retry lane, or none at all.

use domain::attempt::{AttemptNumber, Trigger};
use domain::dispatch::Payload;
use serde_json::{Value, json};
use testkit::eventually;

use crate::past::{self, DATA, DELIVERED};
use crate::world::{PATIENCE, World, problem, text};

async fn delivery(world: &World, id: &Value) -> Value {
    let path = format!("deliveries/{}", id.as_str().unwrap());
    let path = world.acme.path(&path);
    world.get(&world.acme.key, &path).await.json()
}

async fn deliveries(world: &World, endpoint: &Value) -> usize {
    let path = format!("deliveries?endpoint={}", text(endpoint, "id"));
    let listed = world.get(&world.acme.key, &world.acme.path(&path)).await;
    listed.json()["data"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_a_new_delivery_of_the_same_event() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let report = past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    let original = report.delivery.id;
    let path = world.acme.path(&format!("deliveries/{original}/replay"));
    let answer = world.post(&world.acme.key, &path, json!(null)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let replay = answer.json();
    assert_eq!(text(&replay, "replay_of"), original.to_string());

    let sent = world.next_on_retry_lane().await;
    assert_eq!(sent.due.delivery.id.to_string(), text(&replay, "id"));
    assert_eq!(sent.due.delivery.endpoint, report.delivery.endpoint);
    assert_eq!(sent.due.delivery.trigger, Trigger::Replay);
    assert_eq!(sent.due.delivery.replay_of, Some(original));
    assert_eq!(sent.due.attempt, AttemptNumber::FIRST);
    assert_eq!(sent.content.event, report.event, "the same webhook-id");
    assert_eq!(sent.content.tenant, world.acme.id);
    assert_eq!(sent.content.accepted_at, report.accepted_at);
    assert_eq!(sent.content.payload, Payload::Inline(DATA.into()));

    let row = delivery(&world, &replay["id"]).await;
    assert_eq!(row["state"], "waiting");
    assert_eq!(row["trigger"], "replay");
    assert_eq!(text(&row, "replay_of"), original.to_string());
    assert_eq!(row["attempts"], json!([]));
    let unchanged = delivery(&world, &json!(original.to_string())).await;
    assert_eq!(unchanged["state"], "delivered");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_there_is_no_replay_and_the_caller_knows() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let report = past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    let path = format!("deliveries/{}/replay", report.delivery.id);
    let path = world.acme.path(&path);
    world.lose_broker().await;
    let answer = world.post(&world.acme.key, &path, json!(null)).await;
    problem(&answer, 503);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(deliveries(&world, &endpoint).await, 1);
    // The rest of the API does without it.
    assert_eq!(world.get(&world.platform, "/v1/tenants").await.status, 200);

    world.find_broker().await;
    eventually(PATIENCE, "a replay is taken again", async || {
        let answer = world.post(&world.acme.key, &path, json!(null)).await;
        answer.status == 202
    })
    .await;
    assert_eq!(deliveries(&world, &endpoint).await, 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_there_was_is_replayed() {
    let world = World::start().await;
    let nowhere = "deliveries/dlv_0193a5c8e0b87c3aa1f2c9d8e7f60512/replay";
    for path in [nowhere, "deliveries/x/replay"] {
        let path = world.acme.path(path);
        problem(&world.post(&world.acme.key, &path, json!(null)).await, 404);
    }
    world.stop().await;
}
