//! What belongs to the whole platform: tenants, keys, event types, addresses.

use axum::http::Method;
use domain::id::TenantId;
use serde_json::{Value, json};
use testkit::{Fetched, eventually};

use crate::world::{PATIENCE, World, problem, send, send_json, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_by_its_id_and_by_the_platforms_own_key() {
    let world = World::start().await;
    let body = json!({"name": "Initech", "external_id": "crm:4711"});
    let made = world
        .post(&world.platform, "/v1/tenants", body.clone())
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let tenant = made.json();
    let path = format!("/v1/tenants/{}", text(&tenant, "id"));
    assert_eq!(made.headers["location"], path);
    for path in [path.as_str(), "/v1/tenants/crm:4711"] {
        assert_eq!(world.get(&world.platform, path).await.json(), tenant);
    }
    problem(&world.post(&world.platform, "/v1/tenants", body).await, 409);

    let endpoint = json!({"url": "https://example.com/"});
    let list = "/v1/tenants/crm:4711/endpoints";
    let endpoint = world.post(&world.platform, list, endpoint).await;
    assert_eq!(endpoint.status, 201, "{endpoint:?}");

    assert_eq!(world.delete(&world.platform, &path).await.status, 204);
    for gone in [path.as_str(), list] {
        eventually(PATIENCE, "the tenant is gone", async || {
            world.get(&world.platform, gone).await.status == 404
        })
        .await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_tenants_are_judged() {
    let world = World::start().await;
    let refused = [
        (json!({"name": ""}), "#/name"),
        (json!({"name": " "}), "#/name"),
        (json!({"name": "a\nb"}), "#/name"),
        (json!({"name": "x".repeat(201)}), "#/name"),
        (json!({"name": "x", "external_id": ""}), "#/external_id"),
        (json!({"name": "x", "external_id": "a/b"}), "#/external_id"),
        (
            json!({"name": "x", "external_id": "ten_a"}),
            "#/external_id",
        ),
        (json!({"name": "x", "external_id": "é"}), "#/external_id"),
        (
            json!({"name": "x", "external_id": "posthaste:mine"}),
            "#/external_id",
        ),
    ];
    for (body, pointer) in refused {
        let answer = world.post(&world.platform, "/v1/tenants", body).await;
        assert_eq!(problem(&answer, 422)["errors"][0]["pointer"], pointer);
    }
    world.stop().await;
}

/// Operational events go to endpoints of a tenant that is nobody's customer.
#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_own_tenant_is_for_platform_keys_alone() {
    let world = World::start().await;
    let own = "/v1/tenants/posthaste:platform";
    let listed = world.get(&world.platform, "/v1/tenants").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(world.get(&world.platform, own).await.status, 200);
    let list = format!("{own}/endpoints");
    let body = json!({
        "url": "https://ops.example.com/",
        "event_types": ["endpoint.*", "delivery.exhausted"],
    });
    let made = world.post(&world.platform, &list, body.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    problem(&world.post(&world.acme.key, &list, body).await, 404);
    for path in [own, &list] {
        problem(&world.get(&world.acme.key, path).await, 404);
    }
    problem(&world.delete(&world.platform, own).await, 409);
    assert_eq!(world.get(&world.platform, &list).await.status, 200);
    let key = json!({
        "name": "x",
        "scopes": ["read"],
        "tenant": TenantId::PLATFORM.to_string(),
    });
    let refused = world.post(&world.platform, "/v1/api-keys", key).await;
    assert_eq!(problem(&refused, 422)["errors"][0]["pointer"], "#/tenant");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_operational_events_are_apart_and_stay() {
    let world = World::start().await;
    let names = async |query: &str| {
        let path = format!("/v1/event-types{query}");
        let listed = world.get(&world.platform, &path).await.json();
        let entries = listed["data"].as_array().unwrap().clone();
        let name = |entry: &Value| text(entry, "name").to_owned();
        entries.iter().map(name).collect::<Vec<_>>()
    };
    let told = names("?audience=platform").await;
    assert!(told.contains(&"endpoint.disabled".to_owned()), "{told:?}");
    for list in ["", "?audience=tenants"] {
        let offered = names(list).await;
        assert!(offered.contains(&"shipment.created".to_owned()));
        assert!(told.iter().all(|name| !offered.contains(name)));
    }
    let path = "/v1/event-types/endpoint.disabled";
    let entry = world.get(&world.platform, path).await.json();
    assert_eq!(entry["audience"], "platform");
    let body = json!({"description": "Mine.", "example": 1});
    problem(&put(&world, path, &body).await, 409);
    problem(&world.delete(&world.platform, path).await, 404);
    assert_eq!(world.get(&world.platform, path).await.json(), entry);
    let wrong = "/v1/event-types?audience=all";
    problem(&world.get(&world.platform, wrong).await, 400);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_tenants_key_is_good_for_nothing() {
    let world = World::start().await;
    let path = format!("/v1/tenants/{}", world.acme.id);
    assert_eq!(world.get(&world.acme.key, &path).await.status, 200);
    assert_eq!(world.delete(&world.platform, &path).await.status, 204);
    eventually(PATIENCE, "the key is no longer known", async || {
        world.get(&world.acme.key, &path).await.status == 401
    })
    .await;
    assert_eq!(
        world
            .get(&world.umbrella.key, "/v1/egress-ips")
            .await
            .status,
        200
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_and_revoked() {
    let world = World::start().await;
    let body = json!({
        "name": "acme's",
        "scopes": ["read", "publish", "read"],
        "tenant": world.acme.id.to_string(),
    });
    let made = world.post(&world.platform, "/v1/api-keys", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let mut made = made.json();
    let text_of_key = text(&made, "key").to_owned();
    assert!(text_of_key.starts_with(text(&made, "hint")), "{made}");
    assert_eq!(made["scopes"], json!(["publish", "read"]));
    assert_eq!(made["tenant"], world.acme.id.to_string());
    made.as_object_mut().unwrap().remove("key");
    let listed = world.get(&world.platform, "/v1/api-keys").await.json();
    assert_eq!(listed["data"][0], made);

    let path = format!("/v1/api-keys/{}", text(&made, "id"));
    assert_eq!(world.delete(&world.platform, &path).await.status, 204);
    let listed = world.get(&world.platform, "/v1/api-keys").await.json();
    assert!(listed["data"][0]["revoked_at"].is_string(), "{listed}");

    let refused = [
        (json!({"name": "x", "scopes": []}), 422),
        (json!({"name": "x", "scopes": ["admin"]}), 422),
        (json!({"name": "", "scopes": ["read"]}), 422),
        (
            json!({"name": "x", "scopes": ["read"], "tenant": "acme"}),
            422,
        ),
        (json!({"name": "x"}), 400),
    ];
    for (body, status) in refused {
        problem(
            &world.post(&world.platform, "/v1/api-keys", body).await,
            status,
        );
    }
    let unknown = "ten_0193a5c8e0b87c3aa1f2c9d8e7f60512";
    let body = json!({"name": "x", "scopes": ["read"], "tenant": unknown});
    problem(
        &world.post(&world.platform, "/v1/api-keys", body).await,
        404,
    );
    problem(
        &world
            .delete(
                &world.platform,
                "/v1/api-keys/key_0193a5c8e0b87c3aa1f2c9d8e7f60512",
            )
            .await,
        404,
    );
    world.stop().await;
}

async fn put(world: &World, path: &str, body: &Value) -> Fetched {
    send_json(world.request(&world.platform, Method::PUT, path), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_of_event_types() {
    let world = World::start().await;
    let path = "/v1/event-types/parcel.left";
    problem(&world.get(&world.platform, path).await, 404);
    for description in ["A parcel left.", "A parcel left us."] {
        let body = json!({"description": description, "example": {"parcel": 7}});
        let answer = put(&world, path, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let entry = answer.json();
        assert_eq!(entry["description"], description);
        assert_eq!(entry["archived"], false);
        let example: Value = serde_json::from_str(text(&entry, "example")).unwrap();
        assert_eq!(example, json!({"parcel": 7}));
        assert_eq!(world.get(&world.platform, path).await.json(), entry);
    }
    let list = async || world.get(&world.platform, "/v1/event-types").await.json();
    let listed = list().await;
    let mut named = listed["data"].as_array().unwrap().iter();
    assert!(
        named.any(|entry| entry["name"] == "parcel.left"),
        "{listed}"
    );
    assert_eq!(world.delete(&world.platform, path).await.status, 204);
    let got = world.get(&world.platform, path).await.json();
    assert_eq!(got["archived"], true);
    let body = json!({"description": "", "example": null});
    let wrong = put(&world, "/v1/event-types/no%20type", &body).await;
    problem(&wrong, 422);
    let no_text = "/v1/event-types/%ff";
    problem(&put(&world, no_text, &body).await, 404);
    problem(&world.get(&world.platform, no_text).await, 404);
    problem(
        &world
            .get(&world.platform, "/v1/event-types/no%20type")
            .await,
        404,
    );
    problem(
        &world.delete(&world.platform, "/v1/event-types/a.b").await,
        404,
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_deliveries_come_from_is_anybodys_to_know() {
    let world = World::start().await;
    let request = world.anonymous(Method::GET, "/v1/egress-ips");
    let answer = send(request, "").await;
    assert_eq!(answer.json(), json!({"data": ["192.0.2.7/32"]}));
    world.stop().await;
}
