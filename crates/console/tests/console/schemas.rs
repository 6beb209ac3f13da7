//! Schemas of event types, judged when they are written, and what became of payloads by them.

use axum::http::Method;
use domain::schema::Violation;
use serde_json::{Value, json};
use store::events::NewEvent;
use testkit::Fetched;

use crate::past;
use crate::world::{World, problem, send, send_json, text};

const PATH: &str = "/v1/event-types/parcel.left";

fn parcel() -> Value {
    json!({
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string"}},
        "additionalProperties": false,
    })
}

async fn put(world: &World, body: &Value) -> Fetched {
    send_json(world.request(&world.platform, Method::PUT, PATH), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_kept_as_it_was_written() {
    let world = World::start().await;
    let schema = r#"{ "type":"object","title":"\u00e9", "maxProperties":1.0}"#;
    let body =
        format!(r#"{{"description":"","example":{{}},"schema":{schema},"schema_mode":"enforce"}}"#);
    let request = world.request(&world.platform, Method::PUT, PATH);
    let made = send(request.header("content-type", "application/json"), body).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert!(
        std::str::from_utf8(&made.body).unwrap().contains(schema),
        "{made:?}"
    );
    let made = made.json();
    assert_eq!(made["schema_mode"], "enforce");
    assert_eq!(world.get(&world.platform, PATH).await.json(), made);
    let listed = world.get(&world.platform, "/v1/event-types").await.json();
    assert!(
        listed["data"].as_array().unwrap().contains(&made),
        "{listed}"
    );

    // An entry is put whole: what is left out is no longer there.
    let bare = put(&world, &json!({"description": "", "example": 1})).await;
    assert_eq!(bare.json()["schema"], Value::Null);
    assert_eq!(bare.json()["schema_mode"], "off");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_cannot_be_used_is_refused_with_its_place() {
    let world = World::start().await;
    let nested = (0..70).fold(json!(true), |inner, _| json!({"not": inner}));
    let large = json!({"title": "x".repeat(33_000)});
    for (schema, pointer) in [
        (json!({"type": "parcel"}), "#/schema/type"),
        (
            json!({"properties": {"a b": {"minLength": "1"}}}),
            "#/schema/properties/a%20b/minLength",
        ),
        (json!({"pattern": "(?<!a)b"}), "#/schema/pattern"),
        (json!({"$ref": "#/$defs/none"}), "#/schema"),
        (
            json!({"$ref": "https://example.com/parcel.json"}),
            "#/schema",
        ),
        (json!({"$ref": "file:///etc/passwd"}), "#/schema"),
        (json!({"$schema": "https://example.com/mine"}), "#/schema"),
        (json!("text"), "#/schema"),
        (nested, "#/schema"),
        (large, "#/schema"),
    ] {
        // Whatever it is for: a mode may be changed later by somebody else.
        for mode in ["off", "warn", "enforce"] {
            let body = json!({
                "description": "", "example": 1, "schema": schema, "schema_mode": mode,
            });
            let problem = problem(&put(&world, &body).await, 422);
            let place = text(&problem["errors"][0], "pointer");
            assert!(place.starts_with(pointer), "{problem}");
        }
    }
    problem(&world.get(&world.platform, PATH).await, 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mode_goes_with_a_schema_and_an_example_with_what_is_enforced() {
    let world = World::start().await;
    let body = |example: Value, schema: Value, mode: &str| json!({"description": "", "example": example, "schema": schema, "schema_mode": mode});
    for (refused, pointers) in [
        (
            body(json!({"id": "1"}), parcel(), "always"),
            &["#/schema_mode"][..],
        ),
        (body(json!({"id": "1"}), Value::Null, "warn"), &["#/schema"]),
        (
            body(json!({"id": "1"}), Value::Null, "enforce"),
            &["#/schema"],
        ),
        (
            body(json!({"id": 1}), parcel(), "enforce"),
            &["#/example", "#/example/id"],
        ),
        (
            body(json!({}), parcel(), "enforce"),
            &["#/example", "#/example"],
        ),
    ] {
        let problem = problem(&put(&world, &refused).await, 422);
        let errors = problem["errors"].as_array().unwrap().iter();
        let named: Vec<_> = errors.map(|one| text(one, "pointer")).collect();
        assert_eq!(named, pointers, "{problem}");
    }
    for accepted in [
        body(json!({"id": "1"}), parcel(), "enforce"),
        body(json!({"id": 1}), parcel(), "warn"),
        body(json!({"id": 1}), parcel(), "off"),
        body(json!(1), json!(true), "enforce"),
    ] {
        let answer = put(&world, &accepted).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["schema"], accepted["schema"]);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_shows_how_it_violated_its_schema() {
    let world = World::start().await;
    let violations = ["", "/items/0/a~1b"].map(|pointer| Violation {
        pointer: pointer.to_owned(),
        detail: "type: should be string".to_owned(),
    });
    let mut bad = past::event(&world.acme);
    bad.violations = violations.into();
    let good = past::event(&world.acme);
    let new = [&bad, &good].map(|event| NewEvent {
        event: event.clone(),
        endpoints: Vec::new(),
    });
    world.store.record(&new).await.unwrap();
    let shown = async |event: &domain::event::Event| {
        let path = world.acme.path(&format!("events/{}", event.id));
        world.get(&world.acme.key, &path).await.json()
    };
    let detail = "type: should be string";
    assert_eq!(
        shown(&bad).await["schema_errors"],
        json!([
            {"pointer": "#", "detail": detail},
            {"pointer": "#/items/0/a~1b", "detail": detail},
        ])
    );
    let good_shown = shown(&good).await;
    assert_eq!(good_shown["schema_errors"], json!([]));
    assert_eq!(text(&good_shown, "id"), good.id.to_string());
    world.stop().await;
}
