//! The names of what can be selected, without the weight of the catalogue.

use serde_json::json;

use crate::world::{World, problem};

#[tokio::test(flavor = "multi_thread")]
async fn names_are_those_of_the_catalogue_that_are_offered() {
    let world = World::start().await;
    let path = world.acme.path("event-types");
    let catalogue = world.get(&world.acme.key, &path).await.json();
    let entries = catalogue["data"].as_array().unwrap();
    let expected: Vec<_> = entries
        .iter()
        .map(|entry| json!({"name": entry["name"], "description": entry["description"]}))
        .collect();
    assert!(!expected.is_empty());
    let names = world.acme.path("event-type-names");
    let listed = world.get(&world.acme.key, &names).await.json();
    assert_eq!(listed, json!({"data": expected}));

    let archived = world.delete(&world.platform, "/v1/event-types/shipment.created");
    assert_eq!(archived.await.status, 204);
    let listed = world.get(&world.acme.key, &names).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), expected.len() - 1);
    let own = "/v1/tenants/posthaste:platform/event-type-names";
    let listed = world.get(&world.platform, own).await.json();
    assert_eq!(listed["data"][0]["name"], "delivery.exhausted");
    problem(&world.get(&world.umbrella.key, &names).await, 404);
    world.stop().await;
}
