//! What schemas do to payloads, and what neither may do to us.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use domain::limits;
use domain::schema::Violation;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn compiled(schema: &str) -> Result<Schema, SchemaError> {
    deeply(|deep| Schema::compile(deep, schema)).unwrap()
}

fn checked(schema: &Value, payload: &str) -> Result<(), Vec<Violation>> {
    let schema = compiled(&schema.to_string()).unwrap();
    deeply(|deep| schema.check(deep, payload.as_bytes())).unwrap()
}

fn pointers(schema: &Value, payload: &str) -> Vec<String> {
    let found = checked(schema, payload).unwrap_err();
    found.into_iter().map(|one| one.pointer).collect()
}

fn parcel() -> Value {
    json!({
        "type": "object",
        "required": ["id", "weight"],
        "properties": {
            "id": {"type": "string", "pattern": "^p_[0-9]+$"},
            "weight": {"type": "number", "exclusiveMinimum": 0},
            "sent": {"type": "string", "format": "date-time"},
            "stops": {"type": "array", "maxItems": 3, "items": {"$ref": "#/$defs/stop"}},
        },
        "additionalProperties": false,
        "$defs": {"stop": {"type": "object", "properties": {"city name": {"minLength": 2}}}},
    })
}

#[test]
fn a_payload_satisfies_its_schema_or_is_told_where_not() {
    let good = r#"{"id":"p_1","weight":0.5,"sent":"2024-01-15T10:30:00Z","stops":[{}]}"#;
    assert_eq!(checked(&parcel(), good), Ok(()));
    let bad = r#"{"id":"x","sent":"noon","stops":[{},{"city name":"L"}],"a/b":1}"#;
    let mut found = pointers(&parcel(), bad);
    found.sort();
    assert_eq!(found, ["", "/a~1b", "/id", "/sent", "/stops/1/city%20name"]);
}

#[test]
fn what_is_said_of_a_payload_quotes_none_of_its_values() {
    let secret = "hunter2";
    let schemas = [
        json!({"type": "integer"}),
        json!({"const": 1}),
        json!({"enum": [1, 2]}),
        json!({"maxLength": 2}),
        json!({"pattern": "^a"}),
        json!({"format": "email"}),
        json!({"not": {"type": "string"}}),
        json!({"anyOf": [{"type": "null"}, {"maxLength": 1}]}),
        json!({"oneOf": [true, true]}),
        json!({"contentMediaType": "application/json", "type": "array"}),
        json!(false),
    ];
    for schema in schemas {
        let found = checked(&schema, &json!(secret).to_string()).unwrap_err();
        assert!(!found.is_empty(), "{schema}");
        assert!(
            !format!("{found:?}").contains(secret),
            "{schema}: {found:?}"
        );
        let [only] = found.try_into().unwrap();
        assert!(only.detail.contains(": "), "{schema}: {only}");
    }
    let items = json!({"prefixItems": [true], "unevaluatedItems": false});
    let found = checked(&items, &format!("[1,\"{secret}\"]")).unwrap_err();
    assert!(!format!("{found:?}").contains(secret), "{found:?}");
}

#[test]
fn violations_are_bounded_in_number_and_length() {
    let schema = json!({"items": {"type": "string", "maxLength": 1}});
    let many = format!("[{}]", vec!["1"; 50_000].join(","));
    let found = checked(&schema, &many).unwrap_err();
    assert!((1..=limits::VIOLATIONS).contains(&found.len()), "{found:?}");
    let few = format!("[{}]", ["1"; 11].join(","));
    assert_eq!(pointers(&schema, &few).len(), limits::VIOLATIONS);

    let long = "é/~".repeat(200);
    let schema =
        json!({"required": [long], "additionalProperties": {"additionalProperties": false}});
    let payload = json!({"in": {long.as_str(): 1}}).to_string();
    let found = checked(&schema, &payload).unwrap_err();
    assert_eq!(found.len(), 2);
    assert!(found.iter().any(|one| one.pointer == "/in"), "{found:?}");
    for one in found {
        assert!(one.detail.len() <= limits::VIOLATION_DETAIL_BYTES, "{one}");
    }
}

/// Without a reach for arbitrary precision: what lies beyond is the nearest double, or nothing.
#[rstest]
#[case(json!({"const": 9_007_199_254_740_993_u64}), "9007199254740993", true)]
#[case(json!({"const": 9_007_199_254_740_993_u64}), "9007199254740992", false)]
#[case(json!({"maximum": u64::MAX}), "18446744073709551615", true)]
#[case(json!({"maximum": u64::MAX}), "18446744073709551616", false)]
#[case(json!({"minimum": i64::MIN}), "-9223372036854775808", true)]
#[case(json!({"type": "integer"}), "123456789012345678901234567890", true)]
#[case(json!({"const": 1e29}), "100000000000000000000000000001", true)]
#[case(json!({"type": "integer"}), "1.0", true)]
#[case(json!({"const": 0}), "-0", true)]
#[case(json!({"const": 1.1}), "1.10", true)]
#[case(json!(true), "1e308", true)]
#[case(json!(true), "1e400", false)]
#[case(json!(true), r#""\ud83d\ude80""#, true)]
#[case(json!(true), r#""\ud83d""#, false)]
#[case(json!({"properties": {"a": {"const": 2}}}), r#"{"a":1,"a":2}"#, true)]
#[case(json!({"properties": {"a": {"const": 2}}}), r#"{"a":2,"a":1}"#, false)]
fn numbers_and_texts_at_the_edges(
    #[case] schema: Value,
    #[case] payload: &str,
    #[case] satisfies: bool,
) {
    assert_eq!(checked(&schema, payload).is_ok(), satisfies);
}

#[rstest]
#[case(r#"{"type":"strin"}"#, "/type")]
#[case(r#"{"properties":{"a":{"minLength":-1}}}"#, "/properties/a/minLength")]
#[case(r#"{"pattern":"("}"#, "")]
#[case(r#"{"pattern":"(a)\\1"}"#, "")]
#[case(r#"{"pattern":"a(?=b)c"}"#, "")]
#[case(r#"{"pattern":"^(?:[a-z]{1,999}x){1,999}$"}"#, "")]
#[case(r##"{"$ref":"#/nowhere"}"##, "")]
#[case(r#"{"$schema":"https://example.com/mine"}"#, "")]
#[case("1", "")]
#[case("null", "")]
#[case(r#"{"const":1e400}"#, "")]
fn what_is_no_schema_is_refused(#[case] text: &str, #[case] pointer: &str) {
    let error = compiled(text).unwrap_err();
    assert!(!error.detail.is_empty());
    assert!(error.pointer.starts_with(pointer), "{error:?}");
}

#[test]
fn schemas_are_bounded() {
    let of_size = |bytes: usize| format!("{{\"title\":\"{}\"}}", "x".repeat(bytes - 12));
    assert!(compiled(&of_size(limits::SCHEMA_BYTES)).is_ok());
    assert!(compiled(&of_size(limits::SCHEMA_BYTES + 1)).is_err());
    let nested =
        |levels: usize| format!("{}true{}", r#"{"not":"#.repeat(levels), "}".repeat(levels));
    assert!(compiled(&nested(limits::SCHEMA_NESTING)).is_ok());
    assert!(compiled(&nested(limits::SCHEMA_NESTING + 1)).is_err());
    assert!(compiled(&nested(4_000)).is_err());
    let patterns = |count: usize| {
        let all: serde_json::Map<String, Value> = (0..count)
            .map(|n| (format!("^a{n}.*z"), json!(true)))
            .collect();
        json!({"patternProperties": all}).to_string()
    };
    assert!(compiled(&patterns(limits::SCHEMA_PATTERNS)).is_ok());
    assert!(compiled(&patterns(limits::SCHEMA_PATTERNS + 1)).is_err());
}

/// Nobody reaches inside: a listener that nobody calls, and a file that is there.
#[test]
fn no_reference_leaves_the_schema() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let http = format!("http://{}/schema.json", listener.local_addr().unwrap());
    let file = format!("file://{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
    for target in [
        http.as_str(),
        &file,
        "file:///etc/passwd",
        "other.json",
        "urn:a:b",
    ] {
        for keyword in ["$ref", "$dynamicRef", "$schema"] {
            let schema = json!({keyword: target}).to_string();
            assert!(compiled(&schema).is_err(), "{schema}");
        }
        let below = json!({"$id": target, "properties": {"a": {"$ref": "more.json"}}});
        assert!(compiled(&below.to_string()).is_err(), "{below}");
    }
    assert!(listener.accept().is_err(), "somebody called");
    // The schemas of JSON Schema itself are no way out: they are in the program.
    let meta = json!({"$ref": "https://json-schema.org/draft/2020-12/schema"});
    assert!(compiled(&meta.to_string()).is_ok());
}

/// References that double at each level: 2^200 looks.
fn doubling() -> String {
    let mut definitions = String::from(r#""d0":{"type":"string"}"#);
    for level in 1..200 {
        let below = level - 1;
        let _ = write!(
            definitions,
            r##","d{level}":{{"allOf":[{{"$ref":"#/$defs/d{below}"}},{{"$ref":"#/$defs/d{below}"}}]}}"##
        );
    }
    format!(r##"{{"$ref":"#/$defs/d199","$defs":{{{definitions}}}}}"##)
}

/// A chain of as many references as go into a schema.
fn chain() -> String {
    let mut text = String::from(r##"{"$ref":"#/$defs/a0","$defs":{"##);
    let mut link = 0;
    while text.len() < limits::SCHEMA_BYTES - 100 {
        let next = link + 1;
        let _ = write!(text, r##""a{link}":{{"$ref":"#/$defs/a{next}"}},"##);
        link = next;
    }
    let _ = write!(text, r#""a{link}":{{"type":"string"}}}}}}"#);
    text
}

/// Every array is checked twice by itself, and each of those again: 2^126 looks.
fn twice_at_each_level() -> String {
    json!({"anyOf": [
        {"items": {"$ref": "#"}, "minItems": 9},
        {"items": {"$ref": "#"}, "maxItems": 0},
    ]})
    .to_string()
}

fn deep(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

/// A text in which an unlucky pattern is in a new state at each letter.
fn unlucky(letters: usize) -> String {
    let mut state = 88_172_645_463_325_252_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state & 1 == 0 { 'a' } else { 'b' }
    };
    let text: String = (0..letters).map(|_| letter()).collect();
    format!("\"{text}\"")
}

/// The verdict, and not the time, says whether the steps ended it: that is the same everywhere.
#[rstest]
#[case(doubling(), "\"x\"".to_owned(), Some("steps"))]
#[case(doubling(), "1".to_owned(), Some("type"))]
#[case(chain(), "\"x\"".to_owned(), None)]
#[case(chain(), "1".to_owned(), Some("type"))]
#[case(twice_at_each_level(), deep(126), Some("too many ways"))]
#[case(r##"{"$ref":"#"}"##.to_owned(), deep(126), None)]
#[case(r##"{"allOf":[{"$ref":"#"},{"not":{"$ref":"#"}}]}"##.to_owned(), deep(126), Some("not"))]
#[case(r##"{"$dynamicRef":"#a","$dynamicAnchor":"a","items":{"$dynamicRef":"#a"},"unevaluatedItems":false}"##.to_owned(), deep(126), None)]
#[case(r#"{"pattern":"^(a+)+$"}"#.to_owned(), format!("\"{}!\"", "a".repeat(250_000)), Some("pattern"))]
#[case(r#"{"pattern":"^(?:a|b)*a(?:a|b){90}c$"}"#.to_owned(), unlucky(5_000), Some("pattern"))]
#[case(r#"{"pattern":"^(?:a|b)*a(?:a|b){900}c$"}"#.to_owned(), unlucky(250_000), Some("steps"))]
#[case(r#"{"format":"email"}"#.to_owned(), format!("\"{}\"", "a@".repeat(125_000)), Some("format"))]
#[case(r#"{"format":"regex"}"#.to_owned(), format!("\"{}\"", "(".repeat(250_000)), Some("format"))]
#[case(r#"{"uniqueItems":true}"#.to_owned(), format!("[{}0]", "[1],".repeat(60_000)), Some("uniqueItems"))]
fn nothing_stalls(#[case] schema: String, #[case] payload: String, #[case] said: Option<&str>) {
    let schema = compiled(&schema).unwrap();
    let began = Instant::now();
    let found = deeply(|deep| schema.check(deep, payload.as_bytes())).unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    let detail = found.err().map(|found| found[0].detail.clone());
    match (said, &detail) {
        (None, None) => {}
        (Some(said), Some(detail)) => assert!(detail.contains(said), "{detail}"),
        (Some(_), None) | (None, Some(_)) => panic!("{detail:?}, not {said:?}"),
    }
}

#[test]
fn the_same_steps_give_the_same_verdict() {
    let first = checked(&serde_json::from_str(&doubling()).unwrap(), "\"x\"");
    for _ in 0..3 {
        let again = checked(&serde_json::from_str(&doubling()).unwrap(), "\"x\"");
        assert_eq!(again, first);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        proptest::sample::select(vec!["string", "object", "^a+$", "#", "#/$defs/a", "date"])
            .prop_map(Value::from),
    ];
    let keywords = vec![
        "type",
        "properties",
        "items",
        "required",
        "pattern",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "$ref",
        "$defs",
        "a",
        "enum",
        "const",
        "minimum",
        "maxLength",
        "if",
        "then",
        "else",
        "additionalProperties",
        "unevaluatedProperties",
        "unevaluatedItems",
        "prefixItems",
        "contains",
        "uniqueItems",
        "propertyNames",
        "dependentSchemas",
        "patternProperties",
        "multipleOf",
        "$id",
        "$anchor",
        "$schema",
        "format",
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        let name = prop_oneof![
            3 => proptest::sample::select(keywords.clone()).prop_map(str::to_owned),
            1 => "\\PC{0,4}",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever stands as a schema, and whatever is sent: an answer within the bounds.
    #[test]
    fn no_schema_and_no_payload_panics(schema in any_json(), payload in any_json(), raw: Vec<u8>) {
        if let Ok(schema) = compiled(&schema.to_string()) {
            for payload in [payload.to_string().into_bytes(), raw] {
                let found = deeply(|deep| schema.check(deep, &payload)).unwrap();
                if let Err(found) = found {
                    prop_assert!((1..=limits::VIOLATIONS).contains(&found.len()));
                    for one in found {
                        prop_assert!(one.pointer.len() <= limits::VIOLATION_POINTER_BYTES);
                        prop_assert!(one.detail.len() <= limits::VIOLATION_DETAIL_BYTES);
                    }
                }
            }
        }
    }
}
