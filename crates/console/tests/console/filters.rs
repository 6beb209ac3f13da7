//! Filters on payloads: judged when they are written, and tried before they are saved.

use serde_json::{Value, json};

use crate::past;
use crate::world::{World, problem, text};

async fn try_on(world: &World, subscription: Value) -> Value {
    let path = world.acme.path("endpoints/simulate");
    let answer = world.post(&world.acme.key, &path, subscription).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_filter_is_refused_with_its_place() {
    let world = World::start().await;
    let endpoints = world.acme.path("endpoints");
    let made = world.endpoint(&world.acme).await;
    let one = world.acme.path(&format!("endpoints/{}", text(&made, "id")));
    let long = format!("@.a == '{}'", "x".repeat(1_024));
    for (filter, reason) in [
        ("status == 'created'", "at character 1)"),
        ("@.status = 'created'", "at character 10)"),
        ("@..status", "at character 2)"),
        ("((((((((@.a)))))))))", "at character 20)"),
        ("(((((((((@.a)))))))))", "at character 9)"),
        (long.as_str(), "1024 bytes"),
        ("@.a == '\u{0}'", "at character 9)"),
        ("", "at character 1)"),
    ] {
        let new = json!({"url": "https://example.com/", "filter": filter});
        let change = json!({"filter": filter});
        let simulation = world.acme.path("endpoints/simulate");
        for answer in [
            world.post(&world.acme.key, &endpoints, new).await,
            world.patch(&one, "*", change.clone()).await,
            world.post(&world.acme.key, &simulation, change).await,
        ] {
            let problem = problem(&answer, 422);
            let error = &problem["errors"][0];
            assert_eq!(error["pointer"], "#/filter", "{filter}");
            assert!(text(error, "detail").contains(reason), "{filter}: {error}");
        }
    }
    let shown = world.get(&world.acme.key, &one).await.json();
    assert_eq!(shown["filter"], json!(null));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_tried_on_what_was_published() {
    let world = World::start().await;
    let empty = try_on(&world, json!({})).await;
    assert_eq!(empty, json!({"tried": 0, "selected": 0, "data": []}));

    let acme = &world.acme;
    let other = past::recorded(&world, acme, "user.created", "{}", &[]).await;
    let light = past::recorded(&world, acme, "shipment.created", r#"{"kg":1.0}"#, &[]).await;
    // Heavier than any float, with a text that is none.
    let heavy = r#"{"kg":1e400,"t":"\ud800\u0000"}"#;
    let heavy = past::recorded(&world, acme, "shipment.created", heavy, &[]).await;
    past::recorded(&world, &world.umbrella, "shipment.created", "{}", &[]).await;

    let filtered = json!({"event_types": ["shipment.*"], "filter": "@.kg > 1"});
    let tried = try_on(&world, filtered).await;
    let reasons: Vec<_> = tried["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(one, "id").to_owned(), text(one, "reason").to_owned()))
        .collect();
    let expected = [
        (heavy, "selected"),
        (light, "filter_false"),
        (other, "type_not_selected"),
    ];
    let expected = expected.map(|(event, reason)| (event.to_string(), reason.to_owned()));
    assert_eq!(reasons, expected);
    assert_eq!(
        (&tried["tried"], &tried["selected"]),
        (&json!(3), &json!(1))
    );

    let everything = try_on(&world, json!({})).await;
    assert_eq!(everything["selected"], 3);
    let elsewhere = try_on(&world, json!({"channels": ["region:us"]})).await;
    assert_eq!(elsewhere["selected"], 0);
    assert_eq!(elsewhere["data"][0]["reason"], "channel_not_selected");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_is_bounded_and_says_what_it_cannot_know() {
    let world = World::start().await;
    let many = format!("[{}0]", "0,".repeat(5_000));
    let many: &'static str = many.leak();
    for _ in 0..105 {
        past::recorded(&world, &world.acme, "a", "[1]", &[]).await;
    }
    past::recorded(&world, &world.acme, "a", many, &[]).await;
    let greedy = json!({"filter": "$[?$[?@ == -1] || @ == 1]"});
    let tried = try_on(&world, greedy).await;
    assert_eq!(
        (&tried["tried"], &tried["selected"]),
        (&json!(100), &json!(99))
    );
    let unknown = &tried["data"][0];
    assert_eq!(unknown["reason"], "filter_unknown");
    assert!(text(unknown, "detail").contains("steps"), "{unknown}");
    let bad = json!({"events": 1_000_000});
    let path = world.acme.path("endpoints/simulate");
    problem(&world.post(&world.acme.key, &path, bad).await, 400);
    world.stop().await;
}
