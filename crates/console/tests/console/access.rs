//! Who may do what: generated from the document, so that a new route is judged with the others.

use axum::http::Method;
use serde_json::json;
use testkit::{Fetched, eventually};

use crate::document::{Operation, operations};
use crate::past::{self, DELIVERED};
use crate::world::{PATIENCE, Tenant, World, problem, send, send_json, text};

/// Values for every parameter: what is there, of this tenant.
pub(crate) struct Ids(Vec<(&'static str, String)>);

impl Ids {
    pub(crate) async fn of(world: &World, tenant: &Tenant) -> Self {
        let endpoint = world.endpoint(tenant).await;
        let delivery = past::delivery(world, tenant, &endpoint, DELIVERED).await;
        let letter = past::letter(world, &delivery).await;
        let body = json!({"deliveries": [delivery.delivery.id]});
        let path = tenant.path("replays");
        let replay = world.post(&tenant.key, &path, body).await.json();
        Self(vec![
            ("tenant", tenant.id.to_string()),
            ("endpoint", text(&endpoint, "id").to_owned()),
            ("event", delivery.event.to_string()),
            ("delivery", delivery.delivery.id.to_string()),
            ("name", "shipment.created".to_owned()),
            ("key", "key_0193a5c8e0b87c3aa1f2c9d8e7f60512".to_owned()),
            ("letter", letter.id.to_string()),
            ("person", "per_0193a5c8e0b87c3aa1f2c9d8e7f60512".to_owned()),
            ("replay", text(&replay, "id").to_owned()),
        ])
    }

    pub(crate) fn path(&self, operation: &Operation) -> String {
        let values = self.0.iter().map(|(name, value)| (*name, value.as_str()));
        operation.path(&values.collect::<Vec<_>>())
    }

    /// The same with another tenant's name before what is its own.
    fn under(&self, tenant: &Tenant) -> Self {
        self.with("tenant", &tenant.id.to_string())
    }

    /// The same with another value for one parameter.
    pub(crate) fn with(&self, parameter: &str, value: &str) -> Self {
        let mut ids = self.0.clone();
        for (name, own) in &mut ids {
            if *name == parameter {
                value.clone_into(own);
            }
        }
        Self(ids)
    }

    /// The value of a parameter.
    pub(crate) fn value(&self, parameter: &str) -> &str {
        let own = self.0.iter().find(|(name, _)| *name == parameter);
        own.map(|(_, value)| value).unwrap()
    }

    /// The parameters that have a value.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}

async fn ask(world: &World, key: &str, method: Method, path: &str) -> Fetched {
    let request = world.request(key, method, path).header("if-match", "*");
    send_json(request, &json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_described_is_served_and_asks_for_a_key() {
    let world = World::start().await;
    world.store.set_logo(Some(b"png")).await.unwrap();
    let ids = Ids::of(&world, &world.acme).await;
    for operation in operations() {
        let path = ids.path(&operation);
        let answer = send(world.anonymous(operation.method.clone(), &path), "").await;
        if operation.needs_no_key() {
            assert_eq!(answer.status, 200, "{path}");
        } else {
            problem(&answer, 401);
            assert_eq!(answer.headers["www-authenticate"], "Bearer", "{path}");
        }
        let responses = operation.description["responses"].as_object().unwrap();
        assert!(!responses.is_empty(), "{} {path}", operation.method);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_as_it_is() {
    let world = World::start().await;
    let served = send(world.anonymous(Method::GET, "/openapi.json"), "").await;
    assert_eq!(
        served.json(),
        serde_json::to_value(console::openapi()).unwrap()
    );
    problem(&world.get(&world.platform, "/v1/nothing").await, 404);
    problem(&world.delete(&world.platform, "/v1/tenants").await, 405);
    world.stop().await;
}

/// A tenant's key sees nothing of another tenant, neither below that one's name nor below its own.
#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_key_finds_nothing_of_anothers() {
    let world = World::start().await;
    let theirs = Ids::of(&world, &world.umbrella).await;
    let disguised = theirs.under(&world.acme);
    let mine = &world.acme.key;
    let mut asked = 0;
    for operation in operations().into_iter().filter(Operation::is_of_a_tenant) {
        let method = &operation.method;
        let path = theirs.path(&operation);
        problem(&ask(&world, mine, method.clone(), &path).await, 404);
        let by_name = path.replace(&world.umbrella.id.to_string(), "umbrella");
        problem(&ask(&world, mine, method.clone(), &by_name).await, 404);
        if operation.template.matches('{').count() > 1 {
            let path = disguised.path(&operation);
            problem(&ask(&world, mine, method.clone(), &path).await, 404);
        }
        // Without this, a path that nobody can reach would pass.
        let theirs_is_there = !operation.changes() && !path.ends_with("/deliveries");
        if theirs_is_there {
            let answer = world.follow(&world.umbrella.key, &path).await;
            assert_eq!(answer.status, 200, "{path}");
        }
        asked += 1;
    }
    assert!(asked >= 15, "the document has {asked} of a tenant");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_key_finds_nothing_of_the_platforms() {
    let world = World::start().await;
    let ids = Ids::of(&world, &world.acme).await;
    let platforms =
        |operation: &Operation| !operation.is_of_a_tenant() && !operation.needs_no_key();
    for operation in operations().into_iter().filter(platforms) {
        let path = ids.path(&operation);
        let answer = ask(&world, &world.acme.key, operation.method, &path).await;
        problem(&answer, 404);
    }
    let own = format!("/v1/tenants/{}", world.acme.id);
    problem(&world.delete(&world.acme.key, &own).await, 404);
    assert_eq!(world.get(&world.acme.key, &own).await.status, 200);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_look_changes_nothing() {
    let world = World::start().await;
    let ids = Ids::of(&world, &world.acme).await;
    let changes = |operation: &Operation| operation.changes() && !operation.only_judges();
    for operation in operations().into_iter().filter(changes) {
        let path = ids.path(&operation);
        let answer = ask(&world, &world.reader, operation.method, &path).await;
        let problem = problem(&answer, 403);
        assert!(text(&problem, "detail").contains("manage"), "{problem}");
    }
    assert_eq!(world.get(&world.reader, "/v1/tenants").await.status, 200);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_from_when_it_is_made_until_it_is_revoked() {
    let world = World::start().await;
    let body = json!({"name": "publisher", "scopes": ["publish"]});
    let made = world.post(&world.platform, "/v1/api-keys", body).await;
    let made = made.json();
    let key = text(&made, "key");
    // It is known at once, and may do what it is for and no more.
    problem(&world.get(key, "/v1/tenants").await, 403);
    let path = format!("/v1/api-keys/{}", text(&made, "id"));
    assert_eq!(world.delete(&world.platform, &path).await.status, 204);
    eventually(PATIENCE, "the key is revoked", async || {
        world.get(key, "/v1/tenants").await.status == 401
    })
    .await;
    for stranger in [
        "",
        "phk_",
        "phk_0000000000000000000000000000000000000000000",
    ] {
        problem(&world.get(stranger, "/v1/tenants").await, 401);
    }
    world.stop().await;
}
