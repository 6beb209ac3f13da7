//! What is refused over HTTP, and which member is said to be at fault.

use axum::http::StatusCode;
use domain::id::TenantId;
use serde_json::Value;
use testkit::Fetched;

use crate::rig::{Rig, event, event_with};

fn assert_refused(answer: &Fetched, status: u16, pointer: Option<&str>, sent: &str) {
    let said = answer.json();
    assert_eq!(answer.status, status, "{sent}: {said}");
    assert_eq!(said["status"], status, "{sent}: {said}");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let named = said["errors"][0]["pointer"].as_str();
    assert_eq!(named, pointer, "{sent}: {said}");
    assert_ne!(said["detail"], Value::Null, "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_refused() {
    let rig = Rig::start().await;
    let of_type = |name: &str| format!(r#"{{"tenant":"acme","event":"{name}","data":1}}"#);
    let member = Some("#");
    for (body, pointer) in [
        (String::new(), None),
        ("null".to_owned(), member),
        ("[]".to_owned(), member),
        ("1".to_owned(), member),
        (format!("\u{feff}{}", event("1")), None),
        (event("NaN"), None),
        (event("01"), None),
        (event("{\"a\":1,}"), None),
        (event("1") + "x", None),
        (event("1 // one"), None),
        (event("/* one */ 1"), None),
        (event("'1'"), None),
        (event("\"a\nb\""), None),
        (event("+1"), None),
        (event("\"\\x41\""), None),
        (event_with(r#""secret":1"#), member),
        (event_with(r#""data":2"#), member),
        (event_with(r#""event":"a""#), member),
        (r#"{"tenant":"acme","event":"a"}"#.to_owned(), member),
        (r#"{"tenant":"acme","data":1}"#.to_owned(), member),
        (r#"{"event":"a","data":1}"#.to_owned(), Some("#/tenant")),
        (of_type(""), Some("#/event")),
        (of_type("a..b"), Some("#/event")),
        (of_type(".a"), Some("#/event")),
        (of_type("a.*"), Some("#/event")),
        (of_type("a b"), Some("#/event")),
        (of_type("ä"), Some("#/event")),
        (of_type(r"a\u0000"), Some("#/event")),
        (of_type("a\u{202e}b"), Some("#/event")),
        (of_type("#"), Some("#/event")),
        (of_type(&"a".repeat(129)), Some("#/event")),
        (of_type(&"a.".repeat(5_000)), Some("#/event")),
        (event_with(r#""timestamp":"""#), Some("#/timestamp")),
        (event_with(r#""timestamp":"now""#), Some("#/timestamp")),
        (
            event_with(r#""timestamp":"2024-02-30T00:00:00Z""#),
            Some("#/timestamp"),
        ),
        (
            event_with(r#""timestamp":"2024-01-01T00:00:00""#),
            Some("#/timestamp"),
        ),
        (
            event_with(r#""timestamp":"9999-12-31T23:59:59-23:59""#),
            Some("#/timestamp"),
        ),
        (event_with(r#""timestamp":1"#), member),
        (
            event_with(r#""channels":["a","b","c","d","e","f"]"#),
            Some("#/channels"),
        ),
        (
            event_with(r#""channels":["two words"]"#),
            Some("#/channels"),
        ),
        (event_with(r#""channels":"a""#), member),
        (event_with(r#""id":"""#), Some("#/id")),
        (event_with(r#""id":"a\nb""#), Some("#/id")),
        (
            event_with(&format!(r#""id":"{}""#, "x".repeat(256))),
            Some("#/id"),
        ),
    ] {
        assert_refused(&rig.publish(body.clone()).await, 400, pointer, &body);
    }
    let mut latin1 = event("\"\"").into_bytes();
    latin1.insert(latin1.len() - 2, 0xe4);
    assert_refused(&rig.publish(latin1).await, 400, None, "Latin-1");
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        event("1").encode_utf16().flat_map(order).collect()
    };
    for body in [utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)] {
        assert_refused(&rig.publish(body).await, 400, None, "UTF-16");
    }
    let body = r#"{"tenant":"nobody","event":"a","data":1}"#;
    assert_refused(&rig.publish(body).await, 404, Some("#/tenant"), body);

    // None of it came through, and nothing broke: the next event is the first.
    let id = rig.accepted_id(&[], event("1")).await;
    assert_eq!(rig.event().await.id.to_string(), id);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_trick_makes_a_tenant() {
    let rig = Rig::start().await;
    let long = "x".repeat(10_000);
    for name in [
        "",
        " acme",
        "ACME",
        "../acme",
        "acme%00",
        r"acme\u0000",
        "' OR 1=1 --",
        "*",
        "🦀",
        "00000000-0000-0000-0000-000000000000",
        &long,
    ] {
        let body = format!(r#"{{"tenant":"{name}","event":"a","data":1}}"#);
        assert_refused(&rig.publish(body).await, 404, Some("#/tenant"), name);
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_plain_json_is_read() {
    let rig = Rig::start().await;
    for (name, value, pointer) in [
        ("content-type", "", "header:Content-Type"),
        ("content-type", "text/plain", "header:Content-Type"),
        (
            "content-type",
            "application/x-protobuf",
            "header:Content-Type",
        ),
        ("content-encoding", "gzip", "header:Content-Encoding"),
    ] {
        let answer = rig.post("/v1/events", &[(name, value)], event("1")).await;
        assert_refused(&answer, 415, Some(pointer), value);
    }
    for (name, value) in [
        ("content-type", "Application/JSON; charset=utf-8"),
        ("content-encoding", "identity"),
    ] {
        rig.accepted_id(&[(name, value)], event("1")).await;
    }
    let lost = rig.post("/v1/event", &[], event("1")).await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    rig.stop().await;
}

/// What Posthaste tells the platform is its own word: nobody else publishes as it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_publishes_operational_events() {
    let rig = Rig::start().await;
    for named in [
        TenantId::PLATFORM.to_string(),
        TenantId::PLATFORM_EXTERNAL_ID.to_owned(),
    ] {
        let body = format!(r#"{{"tenant":"{named}","event":"endpoint.disabled","data":1}}"#);
        let answer = rig.publish(body.clone()).await;
        assert_refused(&answer, 404, Some("#/tenant"), &body);
    }
    rig.stop().await;
}
