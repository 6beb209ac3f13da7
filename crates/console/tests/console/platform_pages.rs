//! What the dashboard has for the platform alone, and what browsers are told when something isn't
//! there.

use axum::http::Method;
use serde_json::json;
use testkit::eventually;

use crate::browser::{ACCEPT, Browser, page};
use crate::world::{PATIENCE, World, problem, send, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_shown_once_and_revoked() {
    let world = World::start().await;
    let browser = Browser::by_key(&world, &world.platform).await;
    assert_eq!(browser.get("/keys/new").await.status, 200);
    for (fields, field) in [
        (vec![("name", ""), ("scope", "read")], "name"),
        (vec![("name", "orders <b>")], "scopes"),
        (
            vec![("name", "orders"), ("scope", "read"), ("tenant", "acme")],
            "tenant",
        ),
    ] {
        let refused = browser.post("/keys/new", &fields).await;
        assert_eq!(refused.status, 422);
        assert!(
            page(&refused).contains(&format!("id=\"{field}-fault\"")),
            "{field}"
        );
        assert!(!page(&refused).contains("orders <b>"));
    }
    let tenant = world.acme.id.to_string();
    let fields = [
        ("name", "orders"),
        ("scope", "read"),
        ("scope", "publish"),
        ("tenant", &*tenant),
    ];
    let made = browser.post("/keys/new", &fields).await;
    assert_eq!(made.status, 201);
    let (_, key) = page(&made).split_once("id=\"key-text\">").unwrap();
    let (key, _) = key.split_once('<').unwrap();
    let own = world.acme.path("endpoints");
    assert_eq!(world.get(key, &own).await.status, 200);

    let listed = browser.get("/keys").await;
    assert!(page(&listed).contains("orders") && !page(&listed).contains(key));
    let keys = world.get(&world.platform, "/v1/api-keys").await.json();
    let revoke = format!("/keys/{}/revoke", text(&keys["data"][0], "id"));
    let reader = Browser::by_key(&world, &world.reader).await;
    assert_eq!(reader.post(&revoke, &[]).await.status, 403);
    assert_eq!(reader.post("/keys/new", &fields).await.status, 403);
    assert!(!page(&reader.get("/keys").await).contains("Revoke"));
    assert_eq!(
        browser.post(&revoke, &[]).await.headers["location"],
        "/keys"
    );
    eventually(PATIENCE, "the key is revoked", async || {
        world.get(key, &own).await.status == 401
    })
    .await;
    assert!(page(&browser.get("/keys").await).contains("Revoked"));
    let nobody = "/keys/key_0193a5c8e0b87c3aa1f2c9d8e7f60512/revoke";
    assert_eq!(browser.post(nobody, &[]).await.status, 404);
    let audit = browser.get("/audit").await;
    assert!(page(&audit).contains("Session opened"), "{}", page(&audit));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_type_is_described_checked_and_archived() {
    let world = World::start().await;
    let browser = Browser::by_key(&world, &world.platform).await;
    let new = "/new-event-type";
    let good = [
        ("name", "order.paid"),
        ("description", "An order was paid."),
        ("example", "{\"id\": 1}"),
        ("schema", "{\"type\": \"object\", \"required\": [\"id\"]}"),
        ("schema_mode", "enforce"),
    ];
    let with = |name: &'static str, value: &'static str| {
        good.map(|(own, was)| (own, if own == name { value } else { was }))
    };
    for (fields, field, kept) in [
        (with("name", "no type"), "name", "no type"),
        (with("name", "shipment.created"), "name", "edit that one"),
        (with("example", "{"), "example", "Not JSON"),
        (with("example", "[]"), "example", "type"),
        (
            with("schema", "{\"type\": 7}"),
            "schema",
            "&#34;type&#34;: 7",
        ),
        (with("schema", "{"), "schema", "Not JSON"),
        (with("schema", ""), "schema", "nothing is checked"),
        (with("schema_mode", "x"), "mode", "One of off"),
    ] {
        let refused = browser.post(new, &fields).await;
        assert_eq!(refused.status, 422, "{field}");
        let shown = page(&refused);
        assert!(
            shown.contains(&format!("id=\"{field}-fault\"")),
            "{field}: {shown}"
        );
        assert!(shown.contains(kept), "{kept}: {shown}");
    }
    let path = "/event-types/order.paid";
    assert_eq!(browser.post(new, &good).await.headers["location"], *path);
    let shown = browser.get(path).await;
    assert!(page(&shown).contains("is enforced") && page(&shown).contains("An order was paid."));
    let edit = format!("{path}/edit");
    assert!(page(&browser.get(&edit).await).contains("value=\"enforce\" checked"));
    assert_eq!(
        browser
            .post(&edit, &with("schema_mode", "warn"))
            .await
            .status,
        303
    );
    let kept = world
        .get(&world.platform, "/v1/event-types/order.paid")
        .await
        .json();
    assert_eq!(kept["schema_mode"], "warn");
    assert_eq!(
        kept["schema"],
        json!({"type": "object", "required": ["id"]})
    );

    let reader = Browser::by_key(&world, &world.reader).await;
    assert_eq!(reader.post(&edit, &good).await.status, 403);
    assert!(!page(&reader.get(path).await).contains("/edit"));
    let operational = browser.get("/event-types?audience=platform").await;
    assert!(page(&operational).contains("endpoint.disabled"));
    let ours = browser.get("/event-types/endpoint.disabled").await;
    assert!(!page(&ours).contains("/edit"));
    assert_eq!(browser.get("/event-types?audience=x").await.status, 400);
    assert_eq!(browser.get("/event-types/order.lost").await.status, 404);

    let customer = Browser::of(&world, &world.acme).await;
    let offered = format!("/tenants/{}/event-types", world.acme.id);
    assert!(page(&customer.get(&offered).await).contains("order.paid"));
    assert_eq!(
        browser.post(&format!("{path}/archive"), &[]).await.status,
        303
    );
    assert!(page(&browser.get(path).await).contains("Archived"));
    assert!(!page(&customer.get(&offered).await).contains("order.paid"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_by_a_page_to_browsers_and_by_a_problem_to_others() {
    let world = World::start().await;
    let browser = Browser::of(&world, &world.acme).await;
    let webhooks = format!("/tenants/{}/webhooks", world.acme.id);
    let missing = format!("{webhooks}/ep_0193a5c8e0b87c3aa1f2c9d8e7f60512");
    for (path, status) in [("/nothing", 404), (&*missing, 404), ("/logout", 405)] {
        let shown = browser.get(path).await;
        assert_eq!(shown.status, status, "{path}");
        assert_eq!(
            shown.headers["content-type"], "text/html; charset=utf-8",
            "{path}"
        );
        assert!(
            shown.headers.contains_key("content-security-policy"),
            "{path}"
        );
        let request = world.anonymous(Method::GET, path);
        let request = request.header("cookie", &browser.cookie);
        problem(&send(request.header("accept", "*/*"), "").await, status);
    }
    // The API has problems for everybody.
    let request = world.anonymous(Method::GET, "/v1/nothing");
    problem(&send(request.header("accept", ACCEPT), "").await, 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn developers_see_their_tenants_keys_and_audit_and_customers_see_neither() {
    let world = World::start().await;
    let acme = &world.acme;
    let keys = acme.path("api-keys");
    let new = json!({"name": "orders", "scopes": ["publish"]});
    problem(&world.post(&acme.key, &keys, new.clone()).await, 404);
    problem(
        &world.post(&world.umbrella.key, &keys, new.clone()).await,
        404,
    );
    let elsewhere =
        json!({"name": "x", "scopes": ["read"], "tenant": world.umbrella.id.to_string()});
    problem(&world.post(&world.platform, &keys, elsewhere).await, 422);
    let made = world.post(&world.platform, &keys, new).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(text(&made, "tenant"), acme.id.to_string());
    let listed = world.get(&acme.key, &keys).await.json();
    let names = listed["data"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|one| text(one, "name")).collect();
    assert_eq!(names, ["orders", "test"]);

    let own = format!("/tenants/{}", acme.id);
    let developer = Browser::by_key(&world, &acme.key).await;
    let shown = developer.get(&format!("{own}/keys")).await;
    assert!(page(&shown).contains("orders") && !page(&shown).contains("Revoke"));
    let form = developer.get(&format!("{own}/keys/new")).await;
    assert_eq!(form.status, 404);
    let operator = Browser::by_key(&world, &world.platform).await;
    let fields = [("name", "billing"), ("scope", "read")];
    let made_there = operator.post(&format!("{own}/keys/new"), &fields).await;
    assert_eq!(made_there.status, 201);
    assert!(page(&made_there).contains("phk_"));
    let nameless = operator
        .post(&format!("{own}/keys/new"), &[("scope", "read")])
        .await;
    assert_eq!(nameless.status, 422);
    assert!(page(&nameless).contains("id=\"name-fault\""));
    let key = format!("{keys}/{}", text(&made, "id"));
    let theirs = world
        .umbrella
        .path(&format!("api-keys/{}", text(&made, "id")));
    problem(&world.delete(&world.platform, &theirs).await, 404);
    assert_eq!(world.delete(&world.platform, &key).await.status, 204);

    let audit = world.get(&acme.key, &acme.path("audit")).await.json();
    let actions = audit["data"].as_array().unwrap().iter();
    let actions: Vec<_> = actions.map(|one| text(one, "action")).collect();
    assert_eq!(
        actions,
        ["api_key.revoked", "api_key.created", "api_key.created"]
    );
    let theirs = world
        .get(&world.umbrella.key, &world.umbrella.path("audit"))
        .await;
    assert_eq!(theirs.json()["data"], json!([]));
    let shown = developer.get(&format!("{own}/audit")).await;
    assert!(page(&shown).contains("Api key revoked"), "{}", page(&shown));

    let customer = Browser::of(&world, acme).await;
    let webhooks = customer.get(&format!("{own}/webhooks")).await;
    for part in ["keys", "keys/new", "audit"] {
        assert_eq!(
            customer.get(&format!("{own}/{part}")).await.status,
            404,
            "{part}"
        );
        let link = format!("href=\"{own}/{part}\"");
        assert!(!page(&webhooks).contains(&link), "{part}");
    }
    let nothing = customer.post(&format!("{own}/keys/new"), &fields).await;
    assert_eq!(nothing.status, 404);
    world.stop().await;
}
