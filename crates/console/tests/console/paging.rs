//! Lists by pages.

use std::collections::BTreeSet;

use serde_json::json;

use crate::world::{World, problem, text};

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_no_gaps_and_repeat_nothing() {
    let world = World::start().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        let endpoint = world.endpoint(&world.acme).await;
        made.push(text(&endpoint, "id").to_owned());
    }
    let list = world.acme.path("endpoints");
    let mut next = Some(format!("{list}?limit=3"));
    let mut seen = Vec::new();
    let mut lengths = Vec::new();
    while let Some(path) = next {
        let answer = world.get(&world.acme.key, &path).await;
        let page = answer.json();
        let rows = page["data"].as_array().unwrap();
        lengths.push(rows.len());
        seen.extend(rows.iter().map(|row| text(row, "id").to_owned()));
        assert!(lengths.len() <= 3, "it goes on after its end");
        next = page["next_cursor"]
            .as_str()
            .map(|cursor| format!("{list}?limit=3&cursor={cursor}"));
        let link = answer.headers.get("link");
        let link = link.map(|link| link.to_str().unwrap().to_owned());
        let expected = next.as_ref().map(|path| format!("<{path}>; rel=\"next\""));
        assert_eq!(link, expected);
        // What is made meanwhile is newer than all that is still to come.
        world.endpoint(&world.acme).await;
    }
    assert_eq!(lengths, [3, 3, 1]);
    made.reverse();
    assert_eq!(seen, made, "the newest first");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_exactly_full_end_there() {
    let world = World::start().await;
    for name in ["a", "b"] {
        let made = world
            .post(&world.platform, "/v1/tenants", json!({ "name": name }))
            .await;
        assert_eq!(made.status, 201);
    }
    let first = world
        .get(&world.platform, "/v1/tenants?limit=2")
        .await
        .json();
    let cursor = text(&first, "next_cursor");
    let path = format!("/v1/tenants?limit=2&cursor={cursor}");
    let second = world.get(&world.platform, &path).await.json();
    assert_eq!(second["next_cursor"], json!(null));
    let names: BTreeSet<String> = [first, second]
        .iter()
        .flat_map(|page| page["data"].as_array().unwrap().clone())
        .map(|row| text(&row, "name").to_owned())
        .collect();
    let expected = ["a", "acme", "b", "umbrella"].map(str::to_owned);
    assert_eq!(names, BTreeSet::from(expected));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_limits_and_cursors_are_named() {
    let world = World::start().await;
    let lists = [
        "/v1/tenants".to_owned(),
        "/v1/api-keys".to_owned(),
        "/v1/dead-letters".to_owned(),
        world.acme.path("endpoints"),
        world.acme.path("events"),
    ];
    let wrong = [
        ("limit=0", "limit"),
        ("limit=251", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("cursor=", "cursor"),
        ("cursor=x", "cursor"),
        ("cursor=AAAA", "cursor"),
        ("cursor=%00", "cursor"),
    ];
    for list in &lists {
        for (query, parameter) in wrong {
            let answer = world.get(&world.platform, &format!("{list}?{query}")).await;
            let problem = problem(&answer, 400);
            let pointer = &problem["errors"][0]["pointer"];
            assert_eq!(pointer, &format!("query:{parameter}"), "{list}?{query}");
        }
        let twice = world
            .get(&world.platform, &format!("{list}?limit=1&limit=2"))
            .await;
        let problem = problem(&twice, 400);
        assert!(text(&problem, "detail").contains("limit"), "{problem}");
        let most = world
            .get(&world.platform, &format!("{list}?limit=250"))
            .await;
        assert_eq!(most.status, 200);
    }
    world.stop().await;
}
