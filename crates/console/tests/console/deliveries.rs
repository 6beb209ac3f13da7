//! Events and deliveries, as fan-out and the recorder leave them.

use serde_json::json;

use crate::past::{self, DATA, DELIVERED, HELD};
use crate::world::{World, problem, text};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_with_its_payload_byte_for_byte() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let report = past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    let key = &world.acme.key;
    let path = world.acme.path(&format!("events/{}", report.event));
    let mut event = world.get(key, &path).await.json();
    assert_eq!(text(&event, "id"), report.event.to_string());
    assert_eq!(event["event"], "shipment.created");
    assert_eq!(event["channels"], json!(["region:eu"]));
    assert_eq!(event["endpoints"], json!([endpoint["id"]]));
    assert_eq!(event["data_bytes"], DATA.len());

    // A list leaves out what a schema said of each, and what is known of its key.
    let members = event.as_object_mut().unwrap();
    assert_eq!(members.remove("schema_errors"), Some(json!([])));
    assert_eq!(members.remove("idempotency"), Some(json!(null)));
    assert_eq!(members.remove("trace_id"), Some(json!(null)));
    let list = world.acme.path("events");
    for (query, expected) in [
        ("", json!([event])),
        ("?event=shipment.created", json!([event])),
        ("?event=shipment.lost", json!([])),
        ("?since=2999-01-01T00:00:00Z", json!([])),
        ("?until=2999-01-01T00:00:00%2B01:00", json!([event])),
        (
            "?until=2020-01-01T00:00:00Z&event=shipment.created",
            json!([]),
        ),
    ] {
        let listed = world.get(key, &format!("{list}{query}")).await.json();
        assert_eq!(listed["data"], expected, "{query}");
    }
    for query in ["event=no%20type", "since=yesterday", "until=10:00"] {
        let refused = world.get(key, &format!("{list}?{query}")).await;
        let refused = problem(&refused, 400);
        let (name, _) = query.split_once('=').unwrap();
        assert_eq!(refused["errors"][0]["pointer"], format!("query:{name}"));
    }

    let payload = world.get(key, &format!("{path}/payload")).await;
    assert_eq!(payload.body, DATA);
    assert_eq!(payload.headers["content-type"], "application/json");
    assert_eq!(payload.headers["x-content-type-options"], "nosniff");
    assert!(payload.headers.contains_key("content-security-policy"));
    let nowhere = world
        .acme
        .path("events/evt_0193a5c8e0b87c3aa1f2c9d8e7f60512");
    problem(&world.get(key, &nowhere).await, 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_with_its_attempts() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let report = past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    let id = report.delivery.id;
    let path = world.acme.path(&format!("deliveries/{id}"));
    let delivery = world.get(&world.acme.key, &path).await.json();
    assert_eq!(text(&delivery, "id"), id.to_string());
    assert_eq!(text(&delivery, "event"), report.event.to_string());
    assert_eq!(delivery["endpoint"], endpoint["id"]);
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["trigger"], "automatic");
    assert_eq!(delivery["last_status"], 200);
    let [attempt] = delivery["attempts"].as_array().unwrap().as_slice() else {
        panic!("one attempt: {delivery}");
    };
    assert_eq!(attempt["number"], 1);
    assert_eq!(attempt["duration_ms"], 12);
    assert_eq!(attempt["status"], 200);
    assert_eq!(attempt["outcome"], "delivered");
    assert_eq!(attempt["answer"], json!({"text": "<b>thanks</b>"}));
    assert_eq!(attempt["answer_truncated"], true);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_by_event_by_endpoint_and_by_state() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let other = world.endpoint(&world.acme).await;
    let pause = format!("endpoints/{}/pause", text(&other, "id"));
    let paused = world
        .post(&world.acme.key, &world.acme.path(&pause), json!(null))
        .await;
    assert_eq!(paused.status, 200);
    let delivered = past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    let held = past::delivery(&world, &world.acme, &other, HELD).await;
    let theirs = world.endpoint(&world.umbrella).await;
    past::delivery(&world, &world.umbrella, &theirs, DELIVERED).await;
    let list = world.acme.path("deliveries");
    for (query, expected) in [
        (format!("event={}", delivered.event), &delivered),
        (format!("endpoint={}", text(&other, "id")), &held),
        ("state=delivered".to_owned(), &delivered),
        ("state=held".to_owned(), &held),
    ] {
        let path = format!("{list}?{query}");
        let listed = world.get(&world.acme.key, &path).await.json();
        let [row] = listed["data"].as_array().unwrap().as_slice() else {
            panic!("one row for {query}: {listed}");
        };
        assert_eq!(text(row, "id"), expected.delivery.id.to_string());
        assert!(row.get("attempts").is_none());
    }
    for query in [
        "",
        "?state=lost",
        "?state=held&event=evt_0193a5c8e0b87c3aa1f2c9d8e7f60512",
        "?state=held&since=yesterday",
        "?state=held&state=dead",
    ] {
        problem(
            &world.get(&world.acme.key, &format!("{list}{query}")).await,
            400,
        );
    }
    for query in [
        "?event=x",
        "?state=held&endpoint=x",
        "?endpoint=evt_0193a5c8e0b87c3aa1f2c9d8e7f60512",
    ] {
        problem(
            &world.get(&world.acme.key, &format!("{list}{query}")).await,
            404,
        );
    }
    world.stop().await;
}
