//! Bodies that are not taken, whatever they ask for.

use axum::http::Method;
use serde_json::json;

use crate::world::{World, problem, send, text};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_member_is_refused_by_name() {
    let world = World::start().await;
    let endpoints = world.acme.path("endpoints");
    let bodies = [
        ("/v1/tenants", json!({"name": "x", "nmae": 1})),
        (
            &endpoints,
            json!({"url": "https://example.com/", "nmae": 1}),
        ),
        (
            "/v1/api-keys",
            json!({"name": "x", "scopes": ["read"], "nmae": 1}),
        ),
    ];
    for (path, body) in bodies {
        let problem = problem(&world.post(&world.platform, path, body).await, 400);
        assert!(text(&problem, "detail").contains("nmae"), "{problem}");
    }
    let made = world.endpoint(&world.acme).await;
    let path = format!("{endpoints}/{}", text(&made, "id"));
    // A member that is not changed this way is unknown to a change.
    for member in ["state", "secret", "id"] {
        let answer = world.patch(&path, "*", json!({ member: "x" })).await;
        let problem = problem(&answer, 400);
        assert!(text(&problem, "detail").contains(member), "{problem}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_json_of_the_right_form_and_size_is_read() {
    let world = World::start().await;
    let post = || world.request(&world.platform, Method::POST, "/v1/tenants");
    let good = r#"{"name": "x"}"#;
    problem(&send(post(), good).await, 415);
    for kind in [
        "text/plain",
        "application/jsonp",
        "application/x-www-form-urlencoded",
    ] {
        problem(&send(post().header("content-type", kind), good).await, 415);
    }
    let json = || post().header("content-type", "Application/JSON; charset=utf-8");
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"name": 1}"#,
        r#"{"name": "x"} {}"#,
    ] {
        problem(&send(json(), body).await, 400);
    }
    problem(&send(json(), &b"{\"name\": \"\xff\"}"[..]).await, 400);
    let deep = "[".repeat(60_000);
    problem(&send(json(), deep).await, 400);
    let large = format!(r#"{{"name": "{}"}}"#, "x".repeat(64 * 1024));
    problem(&send(json(), large).await, 413);
    assert_eq!(send(json(), good).await.status, 201);
    let listed = world.get(&world.platform, "/v1/tenants").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 3);
    world.stop().await;
}
