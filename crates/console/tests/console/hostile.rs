//! Callers that mean no good: ids, cursors and bodies that were made to reach what isn't theirs.

use axum::http::Method;
use serde_json::{Value, json};

use crate::access::Ids;
use crate::document::{Operation, operations};
use crate::past::{self, DELIVERED};
use crate::world::{World, problem, send_json, text};

/// What stands in a path where an id should, percent-encoded as a client would send it.
fn ids() -> Vec<String> {
    let zero = "0".repeat(32);
    let mut ids: Vec<String> = [
        "..",
        "%2e%2e",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "%00",
        "a%00b",
        "%ff%fe",
        "%0d%0aa:%20b",
        "'%20or%201=1%20--",
        "%22%3e%3cscript%3e",
        "%F0%9F%A6%80",
        "%E2%80%AE",
        "*",
        "%25",
        "%20",
        "null",
        "-1",
        "1e400",
        "ten_",
        "evt_%2a",
    ]
    .map(str::to_owned)
    .to_vec();
    ids.extend(
        ["ten", "ep", "evt", "dlv", "dead", "rpl", "key"].map(|kind| format!("{kind}_{zero}")),
    );
    ids.push("a".repeat(10_000));
    // Longer ones no client's library sends; ingest, which has the same server, is sent them raw.
    ids.push("a".repeat(60_000));
    ids
}

/// Nobody finds anything by what is no id of theirs, and nothing breaks.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_none_names_nothing() {
    let world = World::start().await;
    let good = Ids::of(&world, &world.acme).await;
    let hostile = ids();
    let mut asked = 0;
    for operation in operations() {
        let mine = |name: &&str| operation.template.contains(&format!("{{{name}}}"));
        // A new name of an event type is made by it.
        let names_new = operation.template == "/v1/event-types/{name}" && operation.changes();
        for parameter in good.parameters().filter(mine) {
            for id in &hostile {
                let path = good.with(parameter, id).path(&operation);
                let request = world
                    .request(&world.acme.key, operation.method.clone(), &path)
                    .header("if-match", "*");
                let request = match names_new {
                    true => world.request(&world.platform, Method::GET, &path),
                    false => request,
                };
                let answer = send_json(request, &json!({})).await;
                let status = answer.status.as_u16();
                assert!(
                    matches!(status, 400 | 404 | 405 | 414 | 422 | 431),
                    "{} {path:.200}: {status}",
                    operation.method
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 1_000, "only {asked} were asked");
    world.stop().await;
}

/// A cursor is a place in a list and no right to one: another tenant's shows nothing of that
/// tenant's, on every list there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_anothers_list_shows_nothing_of_theirs() {
    let world = World::start().await;
    let mut theirs = Vec::new();
    for tenant in [&world.acme, &world.umbrella] {
        for _ in 0..3 {
            let endpoint = world.endpoint(tenant).await;
            let report = past::delivery(&world, tenant, &endpoint, DELIVERED).await;
            past::letter(&world, &report).await;
        }
        theirs.push(Ids::of(&world, tenant).await);
    }
    let [mine, theirs] = theirs.try_into().unwrap_or_else(|_| panic!("two"));
    let lists = |operation: &Operation| {
        let query = operation.description["parameters"].as_array();
        let pages = query
            .into_iter()
            .flatten()
            .any(|one| one["name"] == "cursor");
        operation.is_of_a_tenant() && pages
    };
    let mut looked = 0;
    for operation in operations().into_iter().filter(lists) {
        let page = |ids: &Ids, query: &str| format!("{}?{query}", ids.path(&operation));
        let first = world
            .get(&world.umbrella.key, &page(&theirs, "limit=1"))
            .await;
        let Some(cursor) = first.json()["next_cursor"].as_str().map(str::to_owned) else {
            continue;
        };
        let path = page(&mine, &format!("cursor={cursor}"));
        let shown = world.get(&world.acme.key, &path).await;
        assert_eq!(shown.status, 200, "{path}");
        let told = shown.json().to_string();
        let their_id = world.umbrella.id.to_string();
        let row = first.json()["data"][0]["id"]
            .as_str()
            .unwrap_or("none")
            .to_owned();
        assert!(
            !told.contains(&their_id) && !told.contains(&row),
            "{path}: {told}"
        );
        looked += 1;
    }
    assert!(looked >= 3, "only {looked} lists had a second page");
    world.stop().await;
}

/// What is not asked for is not taken, on every operation that takes a body.
#[tokio::test(flavor = "multi_thread")]
async fn members_that_nobody_knows_are_refused_everywhere() {
    let world = World::start().await;
    let ids = Ids::of(&world, &world.acme).await;
    let takes = |operation: &Operation| {
        let content = &operation.description["requestBody"]["content"];
        content.get("application/json").is_some()
    };
    let mut asked = 0;
    for operation in operations().into_iter().filter(takes) {
        for member in ["tenant_id", "__proto__", "secret_key"] {
            let path = ids.path(&operation);
            let request = world
                .request(&world.platform, operation.method.clone(), &path)
                .header("if-match", "*");
            let answer = send_json(request, &json!({ member: "x" })).await;
            let status = answer.status.as_u16();
            assert!(
                matches!(status, 400 | 422),
                "{} {path}: {answer:?}",
                operation.method
            );
            asked += 1;
        }
    }
    assert!(asked >= 30, "only {asked} were asked");
    let got = world
        .get(&world.acme.key, &world.acme.path("endpoints"))
        .await
        .json();
    assert_eq!(got["data"].as_array().map(Vec::len), Some(1), "{got}");
    world.stop().await;
}

/// What a URL inside says is not told by the answers: they are the same whether anybody is there.
#[tokio::test(flavor = "multi_thread")]
async fn an_inside_url_is_refused_the_same_whether_anybody_is_there() {
    let world = World::start().await;
    let there = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = there.local_addr().unwrap().port();
    let mut told = Vec::new();
    for port in [port, 1_025] {
        let body = json!({"url": format!("https://127.0.0.1:{port}/")});
        let path = world.acme.path("endpoints");
        let refused = world.post(&world.acme.key, &path, body).await;
        let mut refused: Value = problem(&refused, 422);
        refused["instance"] = Value::Null;
        told.push(refused);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(text(&told[0]["errors"][0], "pointer"), "#/url");
    there.set_nonblocking(true).unwrap();
    assert!(there.accept().is_err(), "nobody was asked");
    world.stop().await;
}
