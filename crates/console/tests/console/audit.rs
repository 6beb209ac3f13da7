//! Who did what: written down when it is done, for the platform to read.

use serde_json::{Value, json};

use crate::past::{self, DEAD};
use crate::world::{World, text};

async fn entries(world: &World) -> Vec<Value> {
    let listed = world.get(&world.platform, "/v1/audit").await.json();
    listed["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn deeds_are_in_the_audit_and_looks_are_not() {
    let world = World::start().await;
    let acme = &world.acme;
    let endpoint = world.endpoint(acme).await;
    let report = past::delivery(&world, acme, &endpoint, DEAD).await;
    let letter = past::letter(&world, &report).await;
    assert_eq!(entries(&world).await, [] as [Value; 0]);
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
