//! What publishers send over HTTP: taken, or refused with a reason.

use std::path::Path;

use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, Stack};

use crate::support::{Caller, PROGRAM};

async fn platform() -> (Stack, Cluster, Caller) {
    let stack = Stack::new().await;
    let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
    cluster
        .make(
            "/v1/tenants",
            &json!({"name": "acme", "external_id": "acme"}),
        )
        .await;
    let caller = Caller {
        url: cluster.ingest_url(),
        key: cluster.key().to_owned(),
    };
    (stack, cluster, caller)
}

fn event(data: &str) -> String {
    format!(r#"{{"tenant":"acme","event":"shipment.created","data":{data}}}"#)
}

fn with(member: &str) -> String {
    format!(r#"{{"tenant":"acme","event":"shipment.created","data":1,{member}}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_by_name() {
    let (_stack, _cluster, caller) = platform().await;
    let nested = |depth: usize| event(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    let id = "x".repeat(256);
    for (body, status, pointer) in [
        (String::new(), 400, None),
        ("null".to_owned(), 400, Some("#")),
        ("[]".to_owned(), 400, Some("#")),
        ("{".to_owned(), 400, None),
        (event("NaN"), 400, None),
        (event("1,"), 400, None),
        ("\u{feff}{}".to_owned(), 400, None),
        (with(r#""secret":1"#), 400, Some("#")),
        (with(r#""data":2"#), 400, Some("#")),
        (
            r#"{"tenant":"acme","event":"shipment.created"}"#.to_owned(),
            400,
            Some("#"),
        ),
        (
            r#"{"event":"shipment.created","data":1}"#.to_owned(),
            400,
            Some("#/tenant"),
        ),
        (
            r#"{"tenant":"nobody","event":"a","data":1}"#.to_owned(),
            404,
            Some("#/tenant"),
        ),
        (
            r#"{"tenant":"acme","event":"shipment.*","data":1}"#.to_owned(),
            400,
            Some("#/event"),
        ),
        (with(r#""timestamp":"yesterday""#), 400, Some("#/timestamp")),
        (
            with(r#""channels":["a","b","c","d","e","f"]"#),
            400,
            Some("#/channels"),
        ),
        (with(r#""channels":["two words"]"#), 400, Some("#/channels")),
        (with(&format!(r#""id":"{id}""#)), 400, Some("#/id")),
        (nested(128), 202, None),
        (nested(129), 400, Some("#/data")),
        (nested(100_000), 400, Some("#/data")),
    ] {
        let answer = caller
            .send(Method::POST, "/v1/events", &[], body.clone())
            .await;
        let said = answer.json();
        let shown: String = body.chars().take(80).collect();
        assert_eq!(answer.status, status, "{shown}: {said}");
        if status != 202 {
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert_eq!(
                said["errors"][0]["pointer"].as_str(),
                pointer,
                "{shown}: {said}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_types_and_keys_have_bounds() {
    let (_stack, cluster, caller) = platform().await;
    let most = domain::limits::EVENT_BODY_BYTES;
    let of_size = |bytes: usize| event(&format!("\"{}\"", "x".repeat(bytes - event("\"\"").len())));
    let post = async |headers: &[(&str, &str)], body: String| {
        caller
            .send(Method::POST, "/v1/events", headers, body)
            .await
            .status
            .as_u16()
    };
    assert_eq!(post(&[], of_size(most)).await, 202);
    assert_eq!(post(&[], of_size(most + 1)).await, 413);
    assert_eq!(
        post(&[("content-type", "text/plain")], event("1")).await,
        415
    );
    assert_eq!(post(&[("content-encoding", "gzip")], event("1")).await, 415);

    let with_key = async |key: &str| {
        let caller = caller.with_key(key);
        caller
            .send(Method::POST, "/v1/events", &[], event("1"))
            .await
            .status
            .as_u16()
    };
    assert_eq!(with_key("").await, 401);
    assert_eq!(with_key("phk_nobody").await, 401);
    let reader = json!({"name": "reader", "scopes": ["read"]});
    let reader = cluster.make("/v1/api-keys", &reader).await;
    let reader = reader["key"].as_str().unwrap();
    assert_eq!(
        with_key(reader).await,
        403,
        "the key was made just now, by another process"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_names_an_event_once() {
    let (_stack, _cluster, caller) = platform().await;
    let post = async |headers: &[(&str, &str)], body: String| {
        let answer = caller.send(Method::POST, "/v1/events", headers, body).await;
        (answer.status.as_u16(), answer.json()["id"].clone())
    };
    let first = post(&[("idempotency-key", "order-1")], event("1")).await;
    assert_eq!(first.0, 202);
    assert_eq!(
        post(&[("idempotency-key", "\"order-1\"")], event("1")).await,
        first
    );
    assert_eq!(post(&[], with(r#""id":"order-1""#)).await, first);
    assert_eq!(
        post(&[("idempotency-key", "order-1")], event("2")).await.0,
        409
    );
    let both = [("idempotency-key", "order-1")];
    assert_eq!(post(&both, with(r#""id":"order-2""#)).await.0, 400);
    assert_ne!(post(&[], event("1")).await.1, post(&[], event("1")).await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_a_result_for_each_event() {
    let (_stack, _cluster, caller) = platform().await;
    let post = async |content_type: &str, body: String| {
        let headers = [("content-type", content_type)];
        caller
            .send(Method::POST, "/v1/events/batch", &headers, body)
            .await
    };
    let array = format!("[{},{},{}]", event("1"), event("1,"), event("2"));
    assert_eq!(
        post("application/json", array).await.status,
        400,
        "an array that is no JSON"
    );
    let array = format!("[{},{},{}]", event("1"), with(r#""secret":1"#), event("2"));
    let answer = post("application/json", array).await;
    assert_eq!(answer.status, 207);
    let results = answer.json();
    let told: Vec<_> = (0..3)
        .map(|n| results["results"][n]["status"].clone())
        .collect();
    assert_eq!(told, ["accepted", "rejected", "accepted"]);
    assert_eq!(results["results"][1]["problem"]["status"], 400);

    let lines = format!("{}\n\n{}\r\n", event("1"), event("2"));
    let answer = post("application/x-ndjson", lines).await;
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.json()["results"].as_array().map(Vec::len)
        ),
        (202, Some(2))
    );
    let many = format!("[{}]", vec![event("1"); 1_001].join(","));
    assert_eq!(post("application/json", many).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_events_are_taken_in_both_modes() {
    let (_stack, _cluster, caller) = platform().await;
    let structured = json!({
        "specversion": "1.0", "id": "1", "source": "/s", "type": "shipment.created",
        "tenant": "acme", "data": {"n": 1},
    });
    let kind = [("content-type", "application/cloudevents+json")];
    let from_body = caller
        .send(Method::POST, "/v1/events", &kind, structured.to_string())
        .await;
    assert_eq!(from_body.status, 202, "{}", from_body.json());
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "shipment.created"),
        ("ce-tenant", "acme"),
    ];
    let from_headers = caller
        .send(Method::POST, "/v1/events", &headers, r#"{"n":1}"#)
        .await;
    assert_eq!(
        from_headers.json()["id"],
        from_body.json()["id"],
        "source and id are the key"
    );
    let batch = Value::Array(vec![structured]).to_string();
    let kind = [("content-type", "application/cloudevents-batch+json")];
    let answer = caller
        .send(Method::POST, "/v1/events/batch", &kind, batch)
        .await;
    assert_eq!(answer.status, 202);
}
