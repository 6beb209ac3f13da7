//! What filters say of payloads, by examples and against another implementation.

use jsonpath_rust::JsonPath;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{NESTING, Reason, SOURCE_BYTES, STEPS};

const SHIPMENT: &str = r#"{"id":"ship_123","status":"created","weight_kg":1.10,"empty":null,
    "customer":{"country":"DE","vip":false},"odd name":{"a.b":1},
    "items":[{"sku":"A-1","quantity":2},{"sku":"B-7","quantity":12,"tags":["cold","fragile"]}]}"#;

fn asked(filter: &str, payload: &str) -> Result<bool, OutOfSteps> {
    let filter: Filter = filter.parse().unwrap();
    let payload = Payload::read(payload.as_bytes()).unwrap();
    filter.selects(&payload, &mut Steps::new(STEPS))
}

#[rstest]
#[case("@.status == 'created'", true)]
#[case("@.status=='created'", true)]
#[case("\n@ .status ==\t\"created\"\r", true)]
#[case("@['status'] == 'created'", true)]
#[case("$.status == 'created'", true)]
#[case("@.status != 'created'", false)]
#[case("@.status == 'created' && @.customer.country == 'DE'", true)]
#[case("@.status == 'created' && @.customer.country == 'FR'", false)]
#[case("@.status == 'gone' || @.customer.country == 'DE'", true)]
#[case("true == false || @.id && @.id", true)]
#[case("@.weight_kg > 1", true)]
#[case("@.weight_kg >= 1.1 && @.weight_kg <= 1.100", true)]
#[case("@.weight_kg < 1.1", false)]
#[case("@.weight_kg == 11e-1", true)]
#[case("@.id < 'ship_2'", true)]
#[case("@.id < 2", false)]
#[case("@.id >= 2", false)]
// What is there, and what is not.
#[case("@.items", true)]
#[case("@.missing", false)]
#[case("!@.missing", true)]
#[case("! @.missing", true)]
#[case("@.empty", true)]
#[case("@.empty == null", true)]
#[case("@.missing == null", false)]
#[case("@.missing == @.absent", true)]
#[case("@.missing != 'x'", true)]
#[case("@.missing < 1", false)]
#[case("@.missing <= @.absent", true)]
#[case("@.customer.vip", true)]
#[case("@.customer.vip == true", false)]
#[case("!(@.customer.vip == true)", true)]
// Members, elements, and those for which something holds.
#[case("@['odd name']['a.b'] == 1", true)]
#[case("@.items[0].sku == 'A-1'", true)]
#[case("@.items[-1].sku == 'B-7'", true)]
#[case("@.items[-3]", false)]
#[case("@.items[2]", false)]
#[case("@.customer[0]", false)]
#[case("@.items.sku", false)]
#[case("@.items[*].tags", true)]
#[case("@.items.*.tags[*]", true)]
#[case("@.id.*", false)]
#[case("@.items[?@.sku == 'B-7']", true)]
#[case("@.items[?@.sku == 'C-9']", false)]
#[case("@.items[?@.quantity > 10 && @.tags[?@ == 'cold']]", true)]
#[case("!@.items[?@.quantity > 100]", true)]
#[case("@.items[?@.quantity > 10].tags", true)]
#[case("@.items[?@.quantity < 10].tags", false)]
#[case("@.items[?$.status == 'created']", true)]
#[case("@.customer[?@ == 'DE']", true)]
#[case("length(@.items) == 2", true)]
#[case("length(@.customer) == 2", true)]
#[case("length( @.id ) > 7", true)]
#[case("length(@.weight_kg) == 4", false)]
#[case("length(@.missing) == @.absent", true)]
#[case("@.items[0] == @.items[0]", true)]
#[case("@.items[0] == @.items[1]", false)]
fn examples(#[case] filter: &str, #[case] expected: bool) {
    assert_eq!(asked(filter, SHIPMENT), Ok(expected));
}

/// No payload is beyond it.
#[rstest]
#[case("@.n == 9007199254740993", r#"{"n":9007199254740993}"#, true)]
#[case("@.n == 9007199254740993", r#"{"n":9007199254740992}"#, false)]
#[case("@.n > 1e399", r#"{"n":1e400}"#, true)]
#[case("@.n == 0", r#"{"n":-0}"#, true)]
#[case("@.n == 2", r#"{"n":1,"n":2}"#, true)]
#[case("@.n == 1", r#"{"n":1,"n":2}"#, false)]
#[case("@.ok == 1", r#"{"bad":"\ud800","ok":1}"#, true)]
#[case("@.bad == @.same", r#"{"bad":"\ud800","same":"\uD800"}"#, true)]
#[case("length(@.t) == 3", r#"{"t":"a\u0000\ud83d\ude9a"}"#, true)]
#[case(r"@.t == 'a\u0000\uD83D\uDE9A'", r#"{"t":"a\u0000🚚"}"#, true)]
#[case(r"@['\u0000'] == 1", r#"{"\u0000":1}"#, true)]
#[case(r#"@.t == 'it\'s "so"'"#, r#"{"t":"it's \"so\""}"#, true)]
#[case(r#"@.t == "it's \"so\"""#, r#"{"t":"it's \"so\""}"#, true)]
#[case("@.é == 'ü'", r#"{"\u00e9":"\u00fc"}"#, true)]
#[case("@ == 1", "1", true)]
#[case("@ == 'a'", "\"a\"", true)]
#[case("@[?@ == 2]", "[1,2]", true)]
#[case("@.a == @.b", r#"{"a":{"x":1,"y":[2]},"b":{"y":[2.0],"x":1}}"#, true)]
#[case("@.a == @.b", r#"{"a":{"x":1,"y":2},"b":{"x":1}}"#, false)]
#[case("@.a == @.b", r#"{"a":{"x":9,"x":1},"b":{"x":1,"x":1}}"#, true)]
#[case("@.a == @.b", r#"{"a":{"x":9,"x":1},"b":{"x":1,"x":9}}"#, false)]
fn odd_payloads(#[case] filter: &str, #[case] payload: &str, #[case] expected: bool) {
    assert_eq!(asked(filter, payload), Ok(expected));
}

#[rstest]
#[case("", 1, "a value")]
#[case("  ", 3, "a value")]
#[case("status == 'created'", 1, "a string in quotes")]
#[case("@.status = 'created'", 10, "&&, || or the end")]
#[case("@.status == created", 13, "a string in quotes")]
#[case("@.status == 'created", 13, "never closed")]
#[case("@.é == 'a", 8, "never closed")]
#[case("@.status == 'a' and @.b", 17, "&&, || or the end")]
#[case("@.status == 'a' &&", 19, "a value")]
#[case("(@.a", 5, ")")]
#[case("@.a)", 4, "the end")]
#[case("@.", 3, "a member's name")]
#[case("@.1", 3, "a member's name")]
#[case("@..a", 2, "..")]
#[case("@.a[", 5, "a name in quotes")]
#[case("@.a[0", 6, "]")]
#[case("@.a[01]", 5, "a number")]
#[case("@.a[1.5]", 5, "whole number")]
#[case("@.a[-0]", 5, "whole number")]
#[case("@.a[9007199254740992]", 5, "whole number")]
#[case("@.a[1:2]", 6, "slices")]
#[case("@.a[:2]", 5, "slices")]
#[case("@.a['b','c']", 8, "several selectors")]
#[case("@.* == 1", 1, "only one value")]
#[case("1 == @.a[?@.b]", 6, "only one value")]
#[case("length(@.*) == 1", 8, "only one value")]
#[case("length(1) == 1", 8, "@… or $…")]
#[case("length (@.a) == 1", 7, "( right after")]
#[case("match(@.a, 'x')", 1, "don't have match")]
#[case("!@.a == 1", 2, "a parenthesis")]
#[case("!!@.a", 2, "a value")]
#[case("'a'", 4, "a comparison")]
#[case("@.a == 'a\\x'", 10, "an escape")]
#[case("@.a == '\\ud800'", 9, "an escape")]
#[case("@.a == 'a\nb'", 10, "an escape")]
#[case("@.a == \0", 8, "a value")]
#[case("@.a == 1 == 1", 10, "&&, || or the end")]
fn refused(#[case] filter: &str, #[case] position: usize, #[case] reason: &str) {
    let error = filter.parse::<Filter>().unwrap_err();
    assert_eq!(error.position, position, "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}

#[test]
fn filters_are_bounded() {
    let long = |bytes: usize| format!("@.a == '{}'", "x".repeat(bytes - 9));
    assert!(long(SOURCE_BYTES).parse::<Filter>().is_ok());
    let error = long(SOURCE_BYTES + 1).parse::<Filter>().unwrap_err();
    assert_eq!(error.reason, Reason::TooLong);
    let nestings: [fn(usize) -> String; 3] = [
        |depth| "(".repeat(depth) + "@.a" + &")".repeat(depth),
        |depth| "@[?".repeat(depth) + "@.a" + &"]".repeat(depth),
        |depth| "!(".repeat(depth) + "@.a" + &")".repeat(depth),
    ];
    for nested in nestings {
        assert!(nested(NESTING).parse::<Filter>().is_ok());
        let error = nested(NESTING + 1).parse::<Filter>().unwrap_err();
        assert_eq!(error.reason, Reason::TooDeep);
        assert!(nested(200).parse::<Filter>().is_err());
    }
    // What stands side by side is not nested.
    assert!(format!("@{}", "[0]".repeat(100)).parse::<Filter>().is_ok());
}

/// Steps are used up by work that grows faster than the payload, and by no other.
#[test]
fn work_is_bounded() {
    let items: Vec<u32> = (0..2_000).collect();
    let payload = json!({"items": items, "name": "x".repeat(100_000)}).to_string();
    assert_eq!(asked("@.items[?@ == 1999]", &payload), Ok(true));
    assert_eq!(asked("@.name == @.name", &payload), Ok(true));
    for greedy in [
        "@.items[?$.items[?@ == -1]]",
        "@.items[?$.name == $.name && @ == -1]",
        "@.items[?$.items == $.items && @ == -1]",
        "@.items[?length($.name) == 1]",
        "@.items[?$.items[1999] == -1]",
    ] {
        assert_eq!(asked(greedy, &payload), Err(OutOfSteps), "{greedy}");
    }
}

/// A filter over members a and b.
fn filters() -> impl Strategy<Value = String> {
    let query = prop_oneof![
        Just("@".to_owned()),
        r"[@$](\.[ab]|\['[ab]'\]|\[-?[1-3]\]|\[0\]){1,3}",
    ];
    let operand = prop_oneof![
        3 => query.clone(),
        1 => "-?[1-9]|[0-3]\\.5|'[xy]?'|true|false|null",
        1 => query.clone().prop_map(|query| format!("length({query})")),
    ];
    let comparison = (operand.clone(), "==|!=|<|<=|>|>=", operand)
        .prop_map(|(left, operator, right)| format!("{left} {operator} {right}"));
    let exists = (query, r"(\.\*|\[\*\]|\.[ab]){0,2}").prop_map(|(query, more)| query + &more);
    prop_oneof![2 => comparison, 1 => exists].prop_recursive(3, 12, 3, |inner| {
        // Theirs asks `@[?…]` of the value itself, and not of what is in it.
        let query = r"\$|[@$](\.[ab]|\[\*\]){1,2}";
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} && {other}")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} || {other}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("!({inner})")),
            (query, inner.clone()).prop_map(|(query, inner)| format!("{query}[?{inner}]")),
            (query, inner).prop_map(|(query, inner)| format!("!{query}[?{inner}].a")),
        ]
    })
}

fn payloads() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..9).prop_map(Value::from),
        Just(json!(1.5)),
        "[xy]?".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Over what both can do, it says what another implementation of RFC 9535 says.
    #[test]
    fn agrees_with_another_implementation(filter in filters(), payload in payloads()) {
        // Theirs asks the elements of an array: the payload is its only one.
        let within = json!([payload]);
        let theirs = within.query(&format!("$[?{}]", filter.replace('$', "$[0]"))).unwrap();
        let parsed: Filter = filter.parse().unwrap();
        let text = payload.to_string();
        let payload_read = Payload::read(text.as_bytes()).unwrap();
        let ours = parsed.selects(&payload_read, &mut Steps::new(STEPS)).unwrap();
        prop_assert_eq!(ours, !theirs.is_empty());
    }

    /// Whatever is given as a filter is a filter or is refused within its text.
    #[test]
    fn nothing_panics(text in r#"([@$.*\[\]?()!&|=<>'"\\ 0-9a-f,:é-]|length\(|true|u00){0,40}"#, payload in payloads()) {
        let payload = payload.to_string();
        let payload = Payload::read(payload.as_bytes()).unwrap();
        match text.parse::<Filter>() {
            Ok(filter) => {
                prop_assert_eq!(filter.to_string(), text);
                let _ = filter.selects(&payload, &mut Steps::new(1_000));
            }
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.position)),
        }
    }

    /// Fewer steps never give another answer, only none.
    #[test]
    fn steps_change_no_answer(filter in filters(), payload in payloads(), steps in 0u32..60) {
        let filter: Filter = filter.parse().unwrap();
        let payload = payload.to_string();
        let payload = Payload::read(payload.as_bytes()).unwrap();
        let whole = filter.selects(&payload, &mut Steps::new(STEPS));
        let short = filter.selects(&payload, &mut Steps::new(steps));
        prop_assert!(short == whole || short == Err(OutOfSteps));
    }
}
