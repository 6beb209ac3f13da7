//! An endpoint's last 24 hours, by the API and on its page.

use serde_json::Value;

use crate::browser::{Browser, page};
use crate::past::{self, DELIVERED};
use crate::world::{World, problem, text};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_hours_are_told_and_drawn() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let id = text(&endpoint, "id");
    let api = world.acme.path(&format!("endpoints/{id}/stats"));
    let shown = format!("/tenants/{}/webhooks/{id}", world.acme.id);
    let browser = Browser::of(&world, &world.acme).await;
    let none = world.get(&world.acme.key, &api).await.json();
    assert_eq!(none["hours"].as_array().unwrap().len(), 24);
    assert_eq!(none["p50_ms"], Value::Null);
    assert!(!page(&browser.get(&shown).await).contains("Last 24 hours"));

    for _ in 0..2 {
        past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    }
    let some = world.get(&world.acme.key, &api).await.json();
    let hours = some["hours"].as_array().unwrap();
    let delivered: u64 = hours
        .iter()
        .map(|hour| hour["delivered"].as_u64().unwrap())
        .sum();
    assert_eq!(delivered, 2);
    assert_eq!(some["p95_ms"], 12);
    assert_eq!(some["counted_from"], Value::Null);
    let drawn = browser.get(&shown).await;
    let drawn = page(&drawn);
    for words in [
        "Last 24 hours",
        "100 %",
        "role=\"img\" aria-labelledby=\"bars-title bars-words\"",
        "2 delivered and 0 failed in 24 hours.",
        "class=\"delivered\"",
    ] {
        assert!(drawn.contains(words), "{words}: {drawn}");
    }
    problem(&world.get(&world.umbrella.key, &api).await, 404);
    world.stop().await;
}
