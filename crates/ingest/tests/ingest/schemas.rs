//! Payloads held against the schema of their type, by every way in.

use axum::http::StatusCode;
use domain::schema::{SchemaMode, Violation};
use serde_json::{Value, json};
use testkit::eventually;
use wire::inbox::{encode, encode_batch};

use crate::inbox::message;
use crate::rig::{PATIENCE, Rig, event, event_with};

const JSON: &str = "application/json";

/// A parcel has an id, and nothing that isn't named.
const PARCEL: &str = r#"{
    "type": "object", "required": ["id"], "additionalProperties": false,
    "properties": {"id": {"type": "string", "maxLength": 9}, "n": {"type": "integer"}}
}"#;

/// A good payload that no JSON writer gives back as it came.
const GOOD: &str = r#"{ "n":1.0,	"id" : "\u0061" , "n":9007199254740993}"#;

const BAD: &str = r#"{"id":12345,"a/b":"hunter2"}"#;

/// Where `BAD` is wrong.
const PLACES: [&str; 2] = ["#/data/a~1b", "#/data/id"];

fn places(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap().iter();
    let mut places: Vec<_> = errors.map(|one| one["pointer"].as_str().unwrap()).collect();
    places.sort_unstable();
    places
}

fn is_a_violation(problem: &Value) {
    let kind = "urn:posthaste:problem:schema-violated";
    assert_eq!(
        (&problem["type"], &problem["status"]),
        (&json!(kind), &json!(400))
    );
    assert!(!problem.to_string().contains("hunter2"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforced_schema_refuses_over_http() {
    let rig = Rig::start().await;
    rig.schema(Some(PARCEL), SchemaMode::Enforce).await;
    rig.accepted_id(&[], event(GOOD)).await;
    assert_eq!(rig.event().await.data, GOOD, "not a byte is another");

    let refused = rig.publish(event(BAD)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    is_a_violation(&refused.json());
    assert_eq!(places(&refused.json()), PLACES);

    // Another type has no schema, and another's is not its own.
    let other = event(BAD).replace("shipment.created", "shipment.updated");
    rig.accepted_id(&[], other).await;
    assert_eq!(rig.event().await.data, BAD);

    let array = format!("[{},{},{}]", event(GOOD), event(BAD), event(GOOD));
    let answer = rig.post("/v1/events/batch", &[], array).await;
    let said = answer.json();
    assert_eq!(answer.status, StatusCode::MULTI_STATUS, "{said}");
    let told = [0, 1, 2].map(|n: usize| said["results"][n]["status"].clone());
    assert_eq!(told, ["accepted", "rejected", "accepted"]);
    is_a_violation(&said["results"][1]["problem"]);
    assert_eq!(places(&said["results"][1]["problem"]), PLACES);
    assert_eq!(rig.events(2).await.len(), 2);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_events_obey_as_well() {
    let rig = Rig::start().await;
    rig.schema(Some(PARCEL), SchemaMode::Enforce).await;
    let attributes =
        r#""specversion":"1.0","id":"1","source":"/s","type":"shipment.created","tenant":"acme""#;
    let structured = [("content-type", "application/cloudevents+json")];
    let cloud = |data: &str| format!("{{{attributes},\"data\":{data}}}");
    let refused = rig.post("/v1/events", &structured, cloud(BAD)).await;
    is_a_violation(&refused.json());
    assert_eq!(places(&refused.json()), PLACES);
    // Without data it is null, which is no parcel.
    let empty = format!("{{{attributes}}}");
    let refused = rig.post("/v1/events", &structured, empty).await;
    assert_eq!(places(&refused.json()), ["#/data"]);

    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "2"),
        ("ce-source", "/s"),
        ("ce-type", "shipment.created"),
        ("ce-tenant", "acme"),
    ];
    let refused = rig.post("/v1/events", &binary, BAD).await;
    is_a_violation(&refused.json());
    assert_eq!(places(&refused.json()), ["#/a~1b", "#/id"]);
    rig.accepted_id(&binary, GOOD).await;
    assert_eq!(rig.event().await.data, GOOD);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforced_schema_rejects_from_the_inbox() {
    let rig = Rig::start().await;
    rig.schema(Some(PARCEL), SchemaMode::Enforce).await;
    let protobuf = encode(&message(BAD));
    for (content_type, kind, body) in [
        (JSON, "", event(BAD).into()),
        (wire::CONTENT_TYPE, "posthaste.v1.Event", protobuf.clone()),
    ] {
        rig.submit(content_type, kind, body.clone()).await;
        let letter = rig.rejection().await;
        assert_eq!(letter.body, body);
        let headers = &letter.properties.headers;
        assert_eq!(headers.text("posthaste-reason"), Some("schema"));
        let detail = headers.text("posthaste-detail").unwrap();
        assert!(
            PLACES.iter().all(|place| detail.contains(place)),
            "{detail}"
        );
        assert!(!detail.contains("hunter2"), "{detail}");
    }
    let batch = encode_batch(&[message(GOOD), message(BAD), message(GOOD)]);
    rig.submit(wire::CONTENT_TYPE, "posthaste.v1.EventBatch", batch)
        .await;
    rig.rejects("schema", &protobuf).await;
    for stored in rig.events(2).await {
        assert_eq!(stored.data, GOOD);
    }
    rig.inbox_is_done().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_goes_with_the_event() {
    let rig = Rig::start().await;
    rig.schema(Some(PARCEL), SchemaMode::Warn).await;
    rig.accepted_id(&[], event(GOOD)).await;
    assert_eq!(rig.event().await.violations, []);
    rig.accepted_id(&[], event(BAD)).await;
    let over_http = rig.event().await;
    rig.submit(JSON, "", event(BAD)).await;
    let over_amqp = rig.event().await;
    for stored in [over_http, over_amqp] {
        assert_eq!(stored.data, BAD);
        let expected = Violation {
            pointer: "/id".to_owned(),
            detail: "type: should be string".to_owned(),
        };
        assert_eq!(stored.violations.len(), 2);
        assert!(stored.violations.contains(&expected), "{stored:?}");
        assert!(!format!("{:?}", stored.violations).contains("hunter2"));
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_schema_is_followed_and_outlives_postgres() {
    let rig = Rig::start().await;
    // Not refreshed by the test: heard of by notification.
    rig.put_schema(Some(PARCEL), SchemaMode::Enforce).await;
    eventually(PATIENCE, "the schema is enforced", async || {
        rig.publish(event(BAD)).await.status == StatusCode::BAD_REQUEST
    })
    .await;
    // Before it refuses it asks once more: none is refused by a schema of the past.
    rig.put_schema(Some("true"), SchemaMode::Enforce).await;
    assert_eq!(rig.publish(event(BAD)).await.status, StatusCode::ACCEPTED);
    rig.schema(Some("false"), SchemaMode::Enforce).await;
    rig.put_schema(None, SchemaMode::Off).await;
    assert_eq!(rig.publish(event(BAD)).await.status, StatusCode::ACCEPTED);
    rig.schema(Some("false"), SchemaMode::Enforce).await;
    assert_eq!(
        rig.publish(event(GOOD)).await.status,
        StatusCode::BAD_REQUEST
    );
    rig.schema(Some(PARCEL), SchemaMode::Enforce).await;

    rig.lose_postgres().await;
    assert_eq!(rig.publish(event(GOOD)).await.status, StatusCode::ACCEPTED);
    assert_eq!(
        rig.publish(event(BAD)).await.status,
        StatusCode::BAD_REQUEST
    );
    rig.stop().await;
}

/// A key that was accepted is answered as it was then: the schema has come since.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_no_new_event() {
    let rig = Rig::start().await;
    let first = [("idempotency-key", "order-1")];
    let id = rig.accepted_id(&first, event("1")).await;
    rig.schema(Some(PARCEL), SchemaMode::Enforce).await;
    assert_eq!(rig.accepted_id(&first, event("1")).await, id);
    let other = rig.post("/v1/events", &first, event("2")).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    let later = event_with(r#""id":"order-2""#);
    assert_eq!(rig.publish(later).await.status, StatusCode::BAD_REQUEST);
    rig.stop().await;
}

/// As after a newer version's schema, or a hand in the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_cannot_be_compiled_stops_nobody() {
    let rig = Rig::start().await;
    for unusable in [
        "{",
        r#"{"type":"parcel"}"#,
        r#"{"$ref":"file:///etc/passwd"}"#,
    ] {
        rig.schema(Some(unusable), SchemaMode::Enforce).await;
        rig.accepted_id(&[], event(BAD)).await;
        let stored = rig.event().await;
        assert_eq!(
            (&*stored.data, stored.violations.len()),
            (BAD.as_bytes(), 0)
        );
    }
    rig.stop().await;
}

/// What is at the edges of JSON is told apart, not altered, and never a panic.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_checked_does_not_satisfy() {
    let rig = Rig::start().await;
    rig.schema(Some("true"), SchemaMode::Enforce).await;
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for (data, status) in [
        ("123456789012345678901234567890", 202),
        ("1.7976931348623157e308", 202),
        (r#""\u0000""#, 202),
        ("1e400", 400),
        (r#""\ud83d""#, 400),
        (&nested(127), 202),
        (&nested(128), 400),
    ] {
        let answer = rig.publish(event(data)).await;
        assert_eq!(answer.status, status, "{data}: {}", answer.json());
        if status == 202 {
            assert_eq!(rig.event().await.data, *data);
        } else {
            is_a_violation(&answer.json());
        }
    }
    rig.stop().await;
}
