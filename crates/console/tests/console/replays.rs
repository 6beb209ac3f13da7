//! Replays of many deliveries: what they select, how they go, and how they end.

use std::collections::BTreeSet;

use axum::http::Method;
use domain::attempt::{AttemptNumber, Trigger};
use domain::dispatch::Payload;
use domain::id::{DeliveryId, ReplayId};
use domain::report::Report;
use serde_json::{Value, json};
use testkit::eventually;

use crate::past::{self, DATA, DEAD, DELIVERED, HELD};
use crate::world::{PATIENCE, Tenant, World, problem, send_json, text};

async fn create(world: &World, tenant: &Tenant, body: Value) -> Value {
    let path = tenant.path("replays");
    let answer = world.post(&tenant.key, &path, body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let made = answer.json();
    let id = text(&made, "id");
    assert_eq!(
        answer.headers["location"],
        tenant.path(&format!("replays/{id}"))
    );
    made
}

async fn count(world: &World, tenant: &Tenant, mut body: Value) -> u64 {
    body["dry_run"] = json!(true);
    let path = tenant.path("replays");
    let answer = world.post(&tenant.key, &path, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = answer.json();
    assert_eq!(told["complete"], true);
    told["count"].as_u64().unwrap()
}

async fn get(world: &World, tenant: &Tenant, replay: &Value) -> Value {
    let path = tenant.path(&format!("replays/{}", text(replay, "id")));
    world.get(&tenant.key, &path).await.json()
}

async fn ended(world: &World, tenant: &Tenant, replay: &Value) -> Value {
    eventually(PATIENCE, "the replay is finished", async || {
        let seen = get(world, tenant, replay).await;
        if seen["state"] == "finished" {
            Ok(seen)
        } else {
            Err(seen)
        }
    })
    .await
}

/// Deliveries to one endpoint, all dead, each with its letter.
async fn dead(world: &World, endpoint: &Value, count: usize) -> Vec<Report> {
    let mut reports = Vec::new();
    for _ in 0..count {
        let report = past::delivery(world, &world.acme, endpoint, DEAD).await;
        past::letter(world, &report).await;
        reports.push(report);
    }
    reports
}

async fn open_letters(world: &World) -> usize {
    let path = world.acme.path("dead-letters");
    let listed = world.get(&world.acme.key, &path).await.json();
    listed["data"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_does_nothing() {
    let world = World::start().await;
    let (endpoint, other) = (
        world.endpoint(&world.acme).await,
        world.endpoint(&world.acme).await,
    );
    dead(&world, &endpoint, 5).await;
    dead(&world, &other, 2).await;
    past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    past::delivery(&world, &world.acme, &endpoint, HELD).await;
    let since = "2020-01-01T00:00:00Z";
    let id = text(&endpoint, "id");
    for (body, expected) in [
        (json!({"failed": {}}), 7),
        (json!({"failed": {"endpoint": id}}), 5),
        (json!({"failed": {"reason": "gone"}}), 0),
        (json!({"failed": {"event": "shipment.created"}}), 7),
        (json!({"failed": {"event": "shipment.lost"}}), 0),
        (json!({"failed": {"until": since}}), 0),
        (json!({"everything": {"endpoint": id, "since": since}}), 6),
        // Every event was on its way to its own endpoint alone.
        (json!({"missed": {"endpoint": id}}), 2),
    ] {
        assert_eq!(
            count(&world, &world.acme, body.clone()).await,
            expected,
            "{body}"
        );
        let nobodys = json!({"failed": {}});
        assert_eq!(count(&world, &world.umbrella, nobodys).await, 0);
    }
    let body = json!({"failed": {}, "rate": 2, "dry_run": true});
    let told = world
        .post(&world.acme.key, &world.acme.path("replays"), body)
        .await;
    assert_eq!(
        told.json(),
        json!({"count": 7, "complete": true, "rate": 2, "takes_s": 4})
    );
    let listed = world
        .get(&world.acme.key, &world.acme.path("replays"))
        .await;
    assert_eq!(listed.json()["data"], json!([]));
    assert_eq!(open_letters(&world).await, 7);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_delivered_again_and_dealt_with() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let reports = dead(&world, &endpoint, 3).await;
    let made = create(&world, &world.acme, json!({"failed": {}, "rate": 50})).await;
    assert_eq!((&made["expected"], &made["rate"]), (&json!(3), &json!(50)));
    let replay: ReplayId = text(&made, "id").parse().unwrap();
    let mut repeated = BTreeSet::new();
    for _ in 0..3 {
        let sent = world.next_on_retry_lane().await;
        let delivery = sent.due.delivery;
        let original = delivery.replay_of.unwrap();
        assert_eq!(delivery.id, DeliveryId::repeated(replay, original));
        assert_eq!(delivery.trigger, Trigger::Replay);
        assert_eq!(sent.due.attempt, AttemptNumber::FIRST);
        assert_eq!(sent.content.payload, Payload::Inline(DATA.into()));
        let report = reports.iter().find(|one| one.delivery.id == original);
        let report = report.expect("one of those that died");
        assert_eq!(sent.content.event, report.event, "the same webhook-id");
        repeated.insert(original);
    }
    assert_eq!(repeated.len(), 3);
    let seen = ended(&world, &world.acme, &made).await;
    assert_eq!(
        (&seen["selected"], &seen["published"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(seen["deliveries"]["waiting"], 3);
    assert_eq!(open_letters(&world).await, 0);
    let path = world.acme.path("dead-letters?state=all");
    let letters = world.get(&world.acme.key, &path).await.json();
    for letter in letters["data"].as_array().unwrap() {
        assert_eq!(letter["resolution"], "replayed");
    }
    // Nothing has failed any more.
    assert_eq!(count(&world, &world.acme, json!({"failed": {}})).await, 0);
    let path = format!(
        "deliveries/{}",
        DeliveryId::repeated(replay, reports[0].delivery.id)
    );
    let row = world
        .get(&world.acme.key, &world.acme.path(&path))
        .await
        .json();
    assert_eq!(
        (&row["state"], &row["trigger"]),
        (&json!("waiting"), &json!("replay"))
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_was_made_later_gets_what_it_selects() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let report = past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    let body = json!({"url": "https://example.com/late", "event_types": ["shipment.*"], "filter": "@.n == 2"});
    let path = world.acme.path("endpoints");
    let late = world.post(&world.acme.key, &path, body).await.json();
    let body = json!({"url": "https://example.com/other", "event_types": ["user.*"]});
    let other = world.post(&world.acme.key, &path, body).await.json();
    let body = json!({"url": "https://example.com/filtered", "filter": "@.n == 1"});
    let filtered = world.post(&world.acme.key, &path, body).await.json();
    let missed = |endpoint: &Value| json!({"missed": {"endpoint": endpoint["id"]}});
    for endpoint in [other, filtered] {
        assert_eq!(count(&world, &world.acme, missed(&endpoint)).await, 0);
    }

    let made = create(&world, &world.acme, missed(&late)).await;
    let sent = world.next_on_retry_lane().await;
    let late_id = text(&late, "id").parse().unwrap();
    assert_eq!(
        sent.due.delivery.id,
        DeliveryId::first(report.event, late_id)
    );
    assert_eq!(sent.due.delivery.endpoint, late_id);
    assert_eq!(sent.due.delivery.trigger, Trigger::Replay);
    assert_eq!(sent.due.delivery.replay_of, None);
    let seen = ended(&world, &world.acme, &made).await;
    assert_eq!(seen["published"], 1);
    assert_eq!(count(&world, &world.acme, missed(&late)).await, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_paused_resumed_sped_up_and_cancelled() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    dead(&world, &endpoint, 4).await;
    // So slow that it does not end by itself.
    let made = create(&world, &world.acme, json!({"failed": {}, "rate": 1})).await;
    world.next_on_retry_lane().await;
    let path = world.acme.path(&format!("replays/{}", text(&made, "id")));
    let post = async |deed: &str| {
        let path = format!("{path}/{deed}");
        world.post(&world.acme.key, &path, json!(null)).await
    };
    assert_eq!(post("pause").await.json()["state"], "paused");
    let paused = eventually(PATIENCE, "what was in hand is counted", async || {
        let seen = get(&world, &world.acme, &made).await;
        (seen["published"] == seen["selected"]).then_some(seen)
    })
    .await;
    assert!(paused["published"].as_u64().unwrap() < 4, "{paused}");
    assert_eq!(post("resume").await.json()["state"], "running");
    let patch = async |rate: u32| {
        let request = world.request(&world.acme.key, Method::PATCH, &path);
        send_json(request, &json!({"rate": rate})).await
    };
    problem(&patch(0).await, 422);
    problem(&patch(5_001).await, 422);
    assert_eq!(patch(200).await.json()["rate"], 200);
    ended(&world, &world.acme, &made).await;
    for deed in ["pause", "resume", "cancel"] {
        problem(&post(deed).await, 409);
    }
    problem(&patch(10).await, 409);

    dead(&world, &endpoint, 2).await;
    let made = create(&world, &world.acme, json!({"failed": {}, "rate": 1})).await;
    let path = world
        .acme
        .path(&format!("replays/{}/cancel", text(&made, "id")));
    let cancelled = world.post(&world.acme.key, &path, json!(null)).await.json();
    assert_eq!(cancelled["state"], "cancelled");
    assert!(cancelled["finished_at"].is_string());
    let listed = world
        .get(&world.acme.key, &world.acme.path("replays"))
        .await;
    let states: Vec<_> = listed.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["state"].clone())
        .collect();
    assert_eq!(states, ["cancelled", "finished"]);
    let audit = world.get(&world.platform, "/v1/audit").await.json();
    let actions = audit["data"].as_array().unwrap().iter().rev();
    let actions: Vec<_> = actions.map(|one| one["action"].clone()).collect();
    let expected = [
        "endpoint.created",
        "replay.created",
        "replay.paused",
        "replay.resumed",
        "replay.rate_changed",
        "replay.created",
        "replay.cancelled",
    ];
    assert_eq!(actions, expected);
    world.stop().await;
}

/// The broker is away: the replay waits, and nothing is lost or sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_waits_for_the_broker() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let reports = dead(&world, &endpoint, 3).await;
    world.lose_broker().await;
    let made = create(&world, &world.acme, json!({"failed": {}})).await;
    eventually(PATIENCE, "the deliveries are on record", async || {
        get(&world, &world.acme, &made).await["selected"] == 3
    })
    .await;
    assert_eq!(get(&world, &world.acme, &made).await["published"], 0);
    world.find_broker().await;
    let mut repeated = BTreeSet::new();
    for _ in &reports {
        let sent = world.next_on_retry_lane().await;
        repeated.insert(sent.due.delivery.replay_of.unwrap());
    }
    assert_eq!(repeated.len(), 3);
    assert_eq!(ended(&world, &world.acme, &made).await["published"], 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_selected_is_refused_by_name() {
    let world = World::start().await;
    let mine = world.endpoint(&world.acme).await;
    let theirs = world.endpoint(&world.umbrella).await;
    let (mine, theirs) = (text(&mine, "id"), text(&theirs, "id"));
    let path = world.acme.path("replays");
    for (body, pointer) in [
        (json!({}), "#"),
        (json!({"failed": {}, "deliveries": []}), "#"),
        (json!({"deliveries": []}), "#/deliveries"),
        (json!({"deliveries": ["evt_1"]}), "#/deliveries/0"),
        (json!({"failed": {}, "rate": 0}), "#/rate"),
        (json!({"failed": {"since": "Monday"}}), "#/failed/since"),
        (
            json!({"failed": {"since": "2999-01-01T00:00:00Z"}}),
            "#/failed/until",
        ),
        (json!({"failed": {"event": "a b"}}), "#/failed/event"),
        (json!({"missed": {"endpoint": "x"}}), "#/missed/endpoint"),
    ] {
        let answer = world.post(&world.acme.key, &path, body.clone()).await;
        let problem = problem(&answer, 422);
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{body}: {problem}"
        );
    }
    for body in [
        json!({"everything": {"endpoint": mine}}),
        json!({"failed": {"endpiont": mine}}),
        json!({"fialed": {}}),
    ] {
        problem(&world.post(&world.acme.key, &path, body).await, 400);
    }
    let since = "2020-01-01T00:00:00Z";
    for body in [
        json!({"everything": {"endpoint": theirs, "since": since}}),
        json!({"missed": {"endpoint": theirs}}),
    ] {
        problem(&world.post(&world.acme.key, &path, body).await, 404);
    }
    world.stop().await;
}
