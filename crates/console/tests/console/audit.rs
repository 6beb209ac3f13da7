//! Who did what: written down when it is done, for the platform to read.

use axum::http::Method;
use serde_json::{Value, json};

use crate::past::{self, DEAD};
use crate::world::{World, send_json, text};

async fn entries(world: &World) -> Vec<Value> {
    let listed = world.get(&world.platform, "/v1/audit").await.json();
    listed["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_the_platform_is_in_the_audit_without_secrets() {
    let world = World::start().await;
    let acme = &world.acme;
    let new = json!({"name": "orders", "scopes": ["read"], "tenant": acme.id.to_string()});
    let made = world.post(&world.platform, "/v1/api-keys", new).await;
    let made = made.json();
    let path = format!("/v1/api-keys/{}", text(&made, "id"));
    assert_eq!(world.delete(&world.platform, &path).await.status, 204);
    let settings = json!({"retry_waits_s": [5, 60]});
    let request = world.request(&world.platform, Method::PUT, "/v1/settings");
    let set = send_json(request.header("if-match", "*"), &settings).await;
    assert_eq!(set.status, 200);
    let links = acme.path("portal-links");
    let link = world.post(&acme.key, &links, json!({})).await.json();
    assert_eq!(world.delete(&acme.key, &links).await.status, 204);

    let entries = entries(&world).await;
    let actions: Vec<_> = entries.iter().map(|entry| text(entry, "action")).collect();
    let expected = [
        "portal_links.revoked",
        "portal_link.created",
        "settings.changed",
        "api_key.revoked",
        "api_key.created",
    ];
    assert_eq!(actions, expected);
    assert_eq!(entries[0]["detail"], json!({"revoked": 1}));
    assert_eq!(entries[2]["detail"], json!({"retry_waits_s": [5, 60]}));
    assert_eq!(entries[3]["subject"], made["id"]);
    let created = json!({"name": "orders", "scopes": ["read"]});
    assert_eq!(entries[4]["detail"], created);
    assert_eq!(text(&entries[4], "tenant"), acme.id.to_string());
    let (_, token) = text(&link, "url").rsplit_once('/').unwrap();
    let told = json!(entries).to_string();
    for secret in [text(&made, "key"), token] {
        assert!(!told.contains(secret));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deeds_are_in_the_audit_and_looks_are_not() {
    let world = World::start().await;
    let acme = &world.acme;
    let endpoint = world.endpoint(acme).await;
    let report = past::delivery(&world, acme, &endpoint, DEAD).await;
    let letter = past::letter(&world, &report).await;
    let made = entries(&world).await;
    assert_eq!(made.len(), 1, "of the endpoint alone: {made:?}");
    let id = text(&endpoint, "id");
    let (delivery, letter) = (report.delivery.id, letter.id);
    for (path, action) in [
        (format!("endpoints/{id}/pause"), "endpoint.paused"),
        (format!("endpoints/{id}/resume"), "endpoint.resumed"),
        (format!("deliveries/{delivery}/replay"), "delivery.replayed"),
    ] {
        let answer = world.post(&acme.key, &acme.path(&path), json!(null)).await;
        assert!(answer.status.is_success(), "{answer:?}");
        let entry = entries(&world).await.remove(0);
        assert_eq!(text(&entry, "action"), action);
        assert_eq!(text(&entry, "tenant"), acme.id.to_string());
        assert_eq!(text(&entry, "key_name"), "test");
        assert!(path.contains(text(&entry, "subject")), "{entry}");
    }
    // What was refused was not done.
    let path = acme.path(&format!("dead-letters/{letter}"));
    let before = entries(&world).await.len();
    assert_eq!(world.delete(&acme.key, &path).await.status, 409);
    assert_eq!(world.get(&acme.key, &path).await.status, 200);
    assert_eq!(entries(&world).await.len(), before);
    world.stop().await;
}
