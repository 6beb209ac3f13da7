//! Tests of what is judged without a server.

use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use domain::event::Identity;
use domain::id::TenantId;
use domain::limits;
use domain::schema::Violation;
use domain::trace::TraceContext;
use proptest::prelude::*;
use rstest::rstest;
use store::AccessDirectory;
use store::api_keys::Reach;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use super::*;
use crate::check::draft::Form;
use crate::check::event::fresh_ids;
use crate::check::nesting::depth;

fn read(body: &str) -> Result<Draft, Refusal> {
    envelope(&Bytes::copy_from_slice(body.as_bytes()))
}

fn with_data(data: &str) -> String {
    format!(r#"{{"tenant":"acme","event":"shipment.created","data":{data}}}"#)
}

#[rstest]
#[case("9007199254740993")]
#[case("123456789012345678901234567890")]
#[case("1e400")]
#[case("-0")]
#[case("1.10")]
#[case(r#""\u0000 \ud800 \/""#)]
#[case(r#"{"a":1,"a":2}"#)]
#[case("{ \"odd\" :\t[ 1 ,\r\n2 ] }")]
#[case("\"🚚\"")]
#[case("null")]
fn a_payload_is_cut_out_as_it_stands(#[case] data: &str) {
    assert_eq!(read(&with_data(data)).unwrap().data, data.as_bytes());
    let lines = Bytes::from(format!("[{},\n {}]", with_data(data), with_data(data)));
    for item in items(&lines, 2).unwrap() {
        assert_eq!(envelope(&item).unwrap().data, data.as_bytes());
    }
    assert_eq!(
        payload(&Bytes::from(format!(" {data}\n"))).unwrap(),
        data.as_bytes()
    );
}

#[test]
fn a_payload_is_not_copied() {
    let body = Bytes::from(with_data(r#"{"id":1}"#));
    let data = envelope(&body).unwrap().data;
    assert!(body.as_ptr_range().contains(&data.as_ptr()));
}

#[rstest]
#[case("", Reason::Malformed)]
#[case("null", Reason::Invalid)]
#[case("[]", Reason::Invalid)]
#[case("1", Reason::Invalid)]
#[case("{", Reason::Malformed)]
#[case("\u{feff}{}", Reason::Malformed)]
#[case(r#"{"event":"a","data":NaN}"#, Reason::Malformed)]
#[case(r#"{"event":"a","data":1,}"#, Reason::Malformed)]
#[case(r#"{"event":"a","data":1} // why"#, Reason::Malformed)]
#[case(r#"{"event":"a"}"#, Reason::Invalid)]
#[case(r#"{"event":"a","data":1,"event":"b"}"#, Reason::Invalid)]
#[case(r#"{"event":"a","data":1,"secret":"b"}"#, Reason::Invalid)]
fn bad_bodies(#[case] body: &str, #[case] reason: Reason) {
    assert_eq!(read(body).unwrap_err().reason, reason, "{body}");
}

#[test]
fn what_is_wrong_is_named() {
    let detail = |body: &str| read(body).unwrap_err().detail;
    assert!(detail(r#"{"event":"a","data":1,"secret":"b"}"#).contains("secret"));
    assert!(detail("{\"event\":\"a\",\n\"data\":NaN}").contains("line 2 column 8"));
    let utf16 = Bytes::from_static(b"\xff\xfe{\0}\0");
    assert!(envelope(&utf16).unwrap_err().detail.contains("byte 0"));
}

/// A directory has no tenants unless a database fills it; a key's own tenant would be unknown too.
#[test]
fn an_unknown_tenant_is_refused() {
    let directory = AccessDirectory::default();
    for (named, publisher, reason) in [
        (Some("acme"), Publisher::Inbox, Reason::UnknownTenant),
        (
            Some("acme"),
            Publisher::Key(Reach::Platform),
            Reason::UnknownTenant,
        ),
        (None, Publisher::Inbox, Reason::Invalid),
    ] {
        let refused = tenant(named, publisher, &directory);
        assert_eq!(refused.unwrap_err().reason, reason);
    }
}

/// The timestamp is the publisher's, in UTC and to the microsecond.
#[rstest]
#[case("2024-01-15T10:30:00Z", Some(datetime!(2024-01-15 10:30 UTC)))]
#[case("2024-01-15T12:30:00.1234567+02:00", Some(datetime!(2024-01-15 10:30:00.123456 UTC)))]
#[case("2024-01-15", None)]
#[case("yesterday", None)]
#[case("0000-01-01T00:00:00+23:59", None)]
fn timestamps(#[case] text: &str, #[case] expected: Option<OffsetDateTime>) {
    let draft = Draft {
        event: "a".to_owned(),
        data: Bytes::from_static(b"1"),
        timestamp: Some(text.to_owned()),
        ..Draft::default()
    };
    let tenant = TenantId::from_uuid(Uuid::nil());
    let event = check(draft, tenant, fresh_ids(), datetime!(2026-01-01 0:00 UTC));
    assert_eq!(event.ok().map(|event| event.timestamp), expected);
}

#[test]
fn cloud_events_say_the_same_in_both_modes() {
    let body = r#"{"specversion":"1.0","id":"1","source":"/s","type":"shipment.created",
        "time":"2024-01-15T10:30:00Z","tenant":"acme","comexampleother":7,"data":{"n":1.10}}"#;
    let from_body = structured(&Bytes::from_static(body.as_bytes())).unwrap();
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "shipment%2Ecreated"),
        ("ce-time", "\"2024-01-15T10:30:00Z\""),
        ("ce-tenant", "acme"),
        ("ce-comexampleother", "7"),
    ];
    let headers: HeaderMap = headers
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .into_iter()
        .collect();
    let from_headers = binary(&headers, &Bytes::from_static(br#"{"n":1.10}"#)).unwrap();
    assert_eq!(from_headers.form, Form::CloudEventHeaders);
    let form = Form::CloudEvent;
    assert_eq!(
        from_body,
        Draft {
            form,
            ..from_headers
        }
    );
    assert_eq!(from_body.id.as_deref(), Some("/s 1"));
    let missing = binary(&HeaderMap::new(), &Bytes::from_static(b"1")).unwrap_err();
    assert_eq!(missing.pointer, "header:ce-specversion");
}

fn cloud_event(more: &str) -> Result<Draft, Refusal> {
    let event = format!(r#"{{"specversion":"1.0","type":"a","tenant":"acme",{more}}}"#);
    structured(&Bytes::from(event))
}

#[rstest]
#[case(r#""id":"1","source":"","data":1"#, "#/source")]
#[case(r#""id":"1","source":"a b","data":1"#, "#/source")]
#[case(r#""id":"","source":"/s","data":1"#, "#/id")]
#[case(r#""id":"1","source":"/s","data_base64":"AA==""#, "#/data_base64")]
#[case(
    r#""id":"1","source":"/s","datacontenttype":"text/xml","data":"<a/>""#,
    "#/datacontenttype"
)]
#[case(r#""id":"1","source":"/s","data":1,"data":2"#, "#")]
fn bad_cloud_events(#[case] more: &str, #[case] pointer: &str) {
    assert_eq!(cloud_event(more).unwrap_err().pointer, pointer);
}

#[test]
fn a_cloud_event_may_be_bare() {
    for data in ["", r#","data":null"#] {
        let draft = cloud_event(&format!(r#""id":"1","source":"/s"{data}"#)).unwrap();
        assert_eq!(draft.data, "null");
    }
    let media_type = r#""id":"1","source":"/s","datacontenttype":"application/vnd.a+json; v=1""#;
    assert!(cloud_event(media_type).is_ok());
    let long = "x".repeat(limits::IDEMPOTENCY_KEY_BYTES);
    let refused = cloud_event(&format!(r#""id":"{long}","source":"/s""#)).unwrap_err();
    assert_eq!(refused.pointer, "#/id");
}

/// The trace in an event is its publisher's, the one beside it may be a hop's.
#[test]
fn a_trace_of_its_own_is_kept() {
    let [own, hop] = ["1", "2"].map(|n| format!("00-{}-{}-01", n.repeat(32), n.repeat(16)));
    let more = format!(r#""id":"1","source":"/s","traceparent":"{own}""#);
    let beside = trace(Some(&hop), Some("a=1"));
    let draft = cloud_event(&more).unwrap().traced(beside);
    assert_eq!(draft.trace.traceparent, own);
    assert_eq!(draft.trace.tracestate, "");
}

#[rstest]
#[case("1", 0)]
#[case("[]", 1)]
#[case(r#"{"a":[{"b":[]}]}"#, 4)]
#[case(r#"["[[[[{{{","\"[[","\\"]"#, 1)]
fn depths(#[case] json: &str, #[case] expected: usize) {
    assert_eq!(depth(json.as_bytes()), expected);
}

#[test]
fn a_million_levels_are_counted_without_a_stack() {
    let body = with_data(&format!(
        "{}{}",
        "[".repeat(1_000_000),
        "]".repeat(1_000_000)
    ));
    assert_eq!(depth(&read(&body).unwrap().data), 1_000_000);
}

#[test]
fn trace_headers_are_taken_only_when_they_are_some() {
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let taken = trace(Some(good), Some("a=1"));
    assert_eq!((&*taken.traceparent, &*taken.tracestate), (good, "a=1"));
    for bad in [
        "",
        "garbage",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
    ] {
        assert_eq!(trace(Some(bad), Some("a=1")), TraceContext::default());
    }
}

#[test]
fn bounds_are_where_the_limits_say() {
    assert_eq!(
        items(&Bytes::from_static(b"[1,2,3]"), 2)
            .unwrap_err()
            .reason,
        Reason::TooLarge
    );
    assert_eq!(limits::NESTING, 128);
    let id = fresh_ids().0;
    assert_eq!(id.uuid().get_version(), Some(uuid::Version::SortRand));
    assert_ne!(id.uuid(), Uuid::nil());
    assert_ne!(
        Identity::Minted,
        Identity::Keyed {
            fingerprint: [0; 32]
        }
    );
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        r#"[\[\]{}"\\]{0,6}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::hash_map(r#"[a\[{"\\]{0,3}"#, inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn naive(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => 1 + items.iter().map(naive).max().unwrap_or(0),
        serde_json::Value::Object(members) => 1 + members.values().map(naive).max().unwrap_or(0),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn depth_agrees_with_a_recursive_count(value in json()) {
        prop_assert_eq!(depth(value.to_string().as_bytes()), naive(&value));
        prop_assert_eq!(depth(serde_json::to_vec_pretty(&value).unwrap().as_slice()), naive(&value));
    }

    #[test]
    fn any_payload_is_cut_out_as_it_stands(value in json()) {
        for data in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(read(&with_data(&data)).unwrap().data, data.as_bytes());
        }
    }

    #[test]
    fn reading_never_panics(body: Vec<u8>) {
        let body = Bytes::from(body);
        let _ = (envelope(&body), structured(&body), items(&body, 4), payload(&body));
        let _ = depth(&body);
    }
}

#[test]
fn a_violation_is_told_at_each_of_its_places() {
    let violation = |pointer: &str| Violation {
        pointer: pointer.to_owned(),
        detail: "type: should be string".to_owned(),
    };
    let places = |refusal: &Refusal| -> Vec<String> {
        let faults = refusal.faults().into_iter();
        faults.map(|(pointer, _)| pointer).collect()
    };
    let native = Refusal::violating(vec![violation(""), violation("/a")]);
    assert_eq!(places(&native), ["#/data", "#/data/a"]);
    let binary = Refusal {
        pointer: Form::CloudEventHeaders.pointer(native.pointer),
        ..native
    };
    assert_eq!(places(&binary), ["#", "#/a"]);
    assert_eq!(
        binary.to_string(),
        "#: the payload violates the schema of its event type: \
         # type: should be string; #/a type: should be string"
    );
    assert_eq!(places(&Refusal::invalid("#/id", "wrong")), ["#/id"]);
    assert!(places(&Refusal::malformed("not JSON")).is_empty());
}
