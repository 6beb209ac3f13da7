//! Why an event was or wasn't sent.

use domain::id::EndpointId;
use serde_json::{Value, json};

use crate::past::{self, DELIVERED, HELD};
use crate::world::{World, problem, text};

const DATA: &str = r#"{"status":"created"}"#;

async fn endpoint(world: &World, settings: Value) -> EndpointId {
    let mut body = json!({"url": "https://example.com/webhooks"});
    body.as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    let path = world.acme.path("endpoints");
    let made = world.post(&world.acme.key, &path, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    text(&made.json(), "id").parse().unwrap()
}

async fn change(world: &World, endpoint: EndpointId, changes: Value) {
    let path = world.acme.path(&format!("endpoints/{endpoint}"));
    let changed = world.patch(&path, "*", changes).await;
    assert_eq!(changed.status, 200, "{changed:?}");
}

async fn explained(world: &World, event: impl ToString, query: &str) -> Value {
    let event = event.to_string();
    let path = world.acme.path(&format!("events/{event}/explain{query}"));
    let answer = world.get(&world.acme.key, &path).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The explanation of this endpoint in a list.
#[track_caller]
fn of(list: &Value, endpoint: EndpointId) -> Value {
    let id = endpoint.to_string();
    let mut all = list["data"].as_array().unwrap().iter();
    all.find(|one| one["endpoint"] == id.as_str())
        .unwrap_or_else(|| panic!("{id} is not in {list}"))
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_has_its_reason() {
    let world = World::start().await;
    let typed = endpoint(&world, json!({"event_types": ["user.*"]})).await;
    let labelled = endpoint(&world, json!({"channels": ["region:us"]})).await;
    let filtered = endpoint(&world, json!({"filter": "@.status == 'late'"})).await;
    let newer = endpoint(&world, json!({"filter": "@.status == 'created'"})).await;
    let silent = endpoint(&world, json!({})).await;
    let deleted = endpoint(&world, json!({})).await;
    let path = world.acme.path(&format!("endpoints/{deleted}"));
    assert_eq!(world.delete(&world.acme.key, &path).await.status, 204);
    // A filter of a version to come.
    let id = newer.uuid();
    let write = format!("update endpoints set filter = '@.status ~ 1' where id = '{id}'");
    world.stack.execute(&write).await;

    let event = past::recorded(&world, &world.acme, "shipment.created", DATA, &[silent]).await;
    let later = endpoint(&world, json!({})).await;
    let list = explained(&world, event, "").await;
    for (endpoint, matched, reason) in [
        (typed, false, "type_not_selected"),
        (labelled, false, "channel_not_selected"),
        (filtered, false, "filter_false"),
        (newer, false, "filter_unknown"),
        (silent, true, "under_way"),
        (later, false, "created_later"),
    ] {
        let one = of(&list, endpoint);
        assert_eq!(
            (&one["matched"], &one["reason"]),
            (&json!(matched), &json!(reason))
        );
        assert_eq!(
            (&one["selects_since"], &one["delivery"]),
            (&json!(null), &json!(null))
        );
        // Alone, it says the same.
        let alone = explained(&world, event, &format!("?endpoint={endpoint}")).await;
        assert_eq!(alone["data"], json!([one]));
    }
    // It is of no interest, but may be asked for.
    assert_eq!(list["data"].as_array().unwrap().len(), 6);
    let gone = explained(&world, event, &format!("?endpoint={deleted}")).await;
    assert_eq!(of(&gone, deleted)["reason"], "deleted_before");
    // The endpoint that can't be judged is shown and changed like any other.
    let path = world.acme.path(&format!("endpoints/{newer}"));
    let shown = world.get(&world.acme.key, &path).await.json();
    assert_eq!(shown["filter"], "@.status ~ 1");
    change(&world, newer, json!({"description": "kept"})).await;
    let shown = world.get(&world.acme.key, &path).await.json();
    assert_eq!(shown["filter"], "@.status ~ 1");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_of_a_delivery_is_told() {
    let world = World::start().await;
    let made = world.endpoint(&world.acme).await;
    let endpoint: EndpointId = text(&made, "id").parse().unwrap();
    let pause = world.acme.path(&format!("endpoints/{endpoint}/pause"));
    world.post(&world.acme.key, &pause, json!(null)).await;
    let held = past::delivery(&world, &world.acme, &made, HELD).await;
    let delivered = past::delivery(&world, &world.acme, &made, DELIVERED).await;

    let one = of(&explained(&world, delivered.event, "").await, endpoint);
    assert_eq!(
        (&one["matched"], &one["reason"]),
        (&json!(true), &json!("delivered"))
    );
    let id = delivered.delivery.id.to_string();
    assert_eq!(one["delivery"]["id"], id.as_str());
    assert_eq!(one["delivery"]["last_status"], 200);

    // A replay of it is its latest delivery.
    let replayed = world.acme.path(&format!("deliveries/{id}/replay"));
    let replay = world.post(&world.acme.key, &replayed, json!(null)).await;
    assert_eq!(replay.status, 202, "{replay:?}");
    let one = of(&explained(&world, delivered.event, "").await, endpoint);
    assert_eq!(one["reason"], "waiting");
    assert_eq!(one["delivery"]["id"], replay.json()["id"]);
    assert_eq!(one["delivery"]["trigger"], "replay");

    let one = of(&explained(&world, held.event, "").await, endpoint);
    assert_eq!(one["reason"], "held_paused");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_changed_since_are_said_to_have() {
    let world = World::start().await;
    let narrow = endpoint(&world, json!({"event_types": ["user.*"]})).await;
    let event = past::recorded(&world, &world.acme, "shipment.created", DATA, &[]).await;
    let told = async || of(&explained(&world, event, "").await, narrow);

    // What else changes is no matter.
    change(&world, narrow, json!({"description": "other"})).await;
    assert_eq!(told().await["selects_since"], json!(null));

    change(
        &world,
        narrow,
        json!({"event_types": ["*"], "filter": "@.no"}),
    )
    .await;
    let one = told().await;
    assert_eq!(one["reason"], "filter_false");
    assert!(one["selects_since"].is_string(), "{one}");
    assert!(text(&one, "detail").contains("settings of today"), "{one}");

    change(&world, narrow, json!({"filter": null})).await;
    let one = told().await;
    assert_eq!(
        (&one["matched"], &one["reason"]),
        (&json!(false), &json!("selected"))
    );
    assert!(text(&one, "detail").contains("settings of today"), "{one}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explanations_come_in_pages() {
    let world = World::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(endpoint(&world, json!({})).await.to_string());
    }
    let event = past::recorded(&world, &world.acme, "shipment.created", DATA, &[]).await;
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = explained(&world, event, &query).await;
        let rows = page["data"].as_array().unwrap();
        assert!(rows.len() <= 2);
        seen.extend(rows.iter().map(|one| text(one, "endpoint").to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    made.reverse();
    assert_eq!(seen, made);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_explained() {
    let world = World::start().await;
    let event = past::recorded(&world, &world.acme, "shipment.created", DATA, &[]).await;
    let theirs = world.endpoint(&world.umbrella).await;
    let key = &world.acme.key;
    let unknown = world
        .acme
        .path("events/evt_0193a5c8e0b87c3aa1f2c9d8e7f60512/explain");
    let answer = problem(&world.get(key, &unknown).await, 404);
    assert!(
        text(&answer, "detail").contains("accepted just now"),
        "{answer}"
    );
    for endpoint in [text(&theirs, "id"), "ep_nonsense", ""] {
        let path = format!("events/{event}/explain?endpoint={endpoint}");
        problem(&world.get(key, &world.acme.path(&path)).await, 404);
    }
    world.stop().await;
}
