//! Whatever changes something is in the audit: every operation of the document is done, and its
//! entry is looked for. A new one fails here until it is written down.

use axum::http::Method;
use bytes::Bytes;
use serde_json::{Value, json};
use store::people::Identity;
use testkit::Fetched;

use crate::access::Ids;
use crate::document::{Operation, operations};
use crate::world::{World, send, text};

/// What is sent by a POST and changes nothing.
const LOOKS: [&str; 3] = [
    "/endpoints/check",
    "/endpoints/simulate",
    "/check-signature",
];

/// What is done to a replay that runs: `replays` has its test, and the entries in it.
const OF_REPLAYS: &str = "/replays/{replay}";

/// What an operation is called in the audit.
fn action(method: &Method, template: &str) -> &'static str {
    match (method.as_str(), template.trim_start_matches("/v1")) {
        ("POST", "/tenants") => "tenant.created",
        ("DELETE", "/tenants/{tenant}") => "tenant.deleted",
        ("POST", "/tenants/{tenant}/endpoints") => "endpoint.created",
        ("PATCH", "/tenants/{tenant}/endpoints/{endpoint}") => "endpoint.changed",
        ("DELETE", "/tenants/{tenant}/endpoints/{endpoint}") => "endpoint.deleted",
        ("POST", "/tenants/{tenant}/endpoints/{endpoint}/rotate-secret") => {
            "endpoint.secret_rotated"
        }
        ("POST", "/tenants/{tenant}/endpoints/{endpoint}/pause") => "endpoint.paused",
        ("POST", "/tenants/{tenant}/endpoints/{endpoint}/resume") => "endpoint.resumed",
        ("POST", "/tenants/{tenant}/endpoints/{endpoint}/test") => "endpoint.tested",
        ("POST", "/tenants/{tenant}/deliveries/{delivery}/replay") => "delivery.replayed",
        ("POST", "/tenants/{tenant}/replays") => "replay.created",
        ("POST", "/tenants/{tenant}/portal-links") => "portal_link.created",
        ("DELETE", "/tenants/{tenant}/portal-links") => "portal_links.revoked",
        ("POST", path) if path.ends_with("/dead-letters/{letter}/replay") => "dead_letter.replayed",
        ("DELETE", path) if path.ends_with("/dead-letters/{letter}") => "dead_letter.discarded",
        ("POST", path) if path.ends_with("/dead-letters/discard") => "dead_letters.discarded",
        ("POST", "/dead-letters/replay") => "dead_letters.replayed",
        ("POST", path) if path.ends_with("/api-keys") => "api_key.created",
        ("DELETE", path) if path.ends_with("/api-keys/{key}") => "api_key.revoked",
        ("DELETE", "/people/{person}/sessions") => "person.signed_out",
        ("PUT", "/event-types/{name}") => "event_type.saved",
        ("DELETE", "/event-types/{name}") => "event_type.archived",
        ("PUT", "/settings") => "settings.changed",
        ("PUT", "/branding") => "branding.changed",
        ("PUT" | "DELETE", "/branding/logo") => "branding.logo_changed",
        (method, path) => panic!("{method} {path} changes something: is it in the audit?"),
    }
}

/// A body that the operation takes.
fn body(operation: &Operation, delivery: &str) -> Bytes {
    let template = operation.template.as_str();
    let body = match (operation.method.as_str(), template) {
        ("PUT", "/v1/branding/logo") => return Bytes::from_static(include_bytes!("logo.png")),
        ("DELETE", _) => return Bytes::new(),
        ("POST", "/v1/tenants") => json!({"name": "New"}),
        ("POST", path) if path.ends_with("/api-keys") => {
            json!({"name": "new", "scopes": ["read"]})
        }
        ("PUT", "/v1/settings") => json!({"retry_waits_s": [5, 60]}),
        ("PUT", "/v1/event-types/{name}") => json!({"description": "", "example": {}}),
        ("POST", "/v1/dead-letters/replay") => json!({"kind": "rejected"}),
        ("PATCH", _) => json!({"description": "changed"}),
        ("POST", path) if path.ends_with("/endpoints") => json!({"url": "https://example.com/"}),
        ("POST", path) if path.ends_with("/replays") => json!({"deliveries": [delivery]}),
        _ => json!({}),
    };
    body.to_string().into()
}

async fn newest(world: &World) -> Value {
    let listed = world.get(&world.platform, "/v1/audit?limit=1").await;
    listed.json()["data"][0].clone()
}

async fn made(world: &World, path: &str, body: Value) -> String {
    let made = world.post(&world.platform, path, body).await;
    text(&made.json(), "id").to_owned()
}

/// Does it, with these ids where it needs none of its own.
async fn done(world: &World, operation: &Operation, mut ids: Ids) -> Fetched {
    if operation.template == "/v1/tenants/{tenant}" {
        ids = ids.with(
            "tenant",
            &made(world, "/v1/tenants", json!({"name": "x"})).await,
        );
    }
    if operation.template.contains("{key}") {
        let new = json!({"name": "x", "scopes": ["read"]});
        let path = match operation.template.contains("{tenant}") {
            true => world.acme.path("api-keys"),
            false => "/v1/api-keys".to_owned(),
        };
        ids = ids.with("key", &made(world, &path, new).await);
    }
    if operation.template.contains("{person}") {
        let identity = Identity {
            issuer: "https://login.example.com".to_owned(),
            subject: "ann".to_owned(),
            name: "Ann".to_owned(),
        };
        let person = world.store.meet(&identity).await.unwrap();
        ids = ids.with("person", &person.to_string());
    }
    let delivery = ids.value("delivery").to_owned();
    let request = world
        .request(
            &world.platform,
            operation.method.clone(),
            &ids.path(operation),
        )
        .header("if-match", "*")
        .header("content-type", "application/json");
    send(request, body(operation, &delivery)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_changes_something_is_in_the_audit() {
    let world = World::start().await;
    let judged = |operation: &Operation| {
        operation.changes() && !LOOKS.iter().any(|end| operation.template.ends_with(end))
    };
    let mut seen = 0;
    for operation in operations().into_iter().filter(judged) {
        if operation.template.contains(OF_REPLAYS) {
            continue;
        }
        let action = action(&operation.method, &operation.template);
        let told = format!("{} {}", operation.method, operation.template);
        let before = newest(&world).await;
        let ids = Ids::of(&world, &world.acme).await;
        let replay = format!("replays/{}/cancel", ids.value("replay"));
        let answer = done(&world, &operation, ids).await;
        assert!(answer.status.is_success(), "{told}: {answer:?}");
        let entry = newest(&world).await;
        assert_ne!(entry, before, "{told}");
        assert_eq!(text(&entry, "action"), action, "{told}");
        assert_eq!(text(&entry, "key_name"), "test", "{told}");
        assert!(!entry.to_string().contains("whsec_"), "{entry}");
        let of_tenant = operation.template.contains("{tenant}");
        assert!(!of_tenant || entry["tenant"].is_string(), "{entry}");
        seen += 1;
        // A tenant has so many replays at once.
        let cancel = world.acme.path(&replay);
        world.post(&world.platform, &cancel, json!(null)).await;
    }
    assert!(seen >= 25, "only {seen} were done");
    world.stop().await;
}
