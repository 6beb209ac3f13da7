//! Tests of what is judged without a server.

use std::collections::BTreeMap;

use rstest::rstest;

use super::own_headers::judged;

fn one(name: &str, value: &str) -> bool {
    judged(BTreeMap::from([(name.to_owned(), value.to_owned())])).is_ok()
}

#[rstest]
#[case("authorization", "Bearer abc")]
#[case("X-Api-Key", "a b\tc")]
#[case("x-empty", "")]
fn headers_of_its_own(#[case] name: &str, #[case] value: &str) {
    assert!(one(name, value));
}

#[rstest]
#[case("Host", "a")]
#[case("CONTENT-LENGTH", "1")]
#[case("Webhook-Id", "a")]
#[case("webhook-signature", "a")]
#[case("transfer-encoding", "chunked")]
#[case("proxy-authorization", "a")]
#[case("", "a")]
#[case("a b", "a")]
#[case("a:b", "a")]
#[case("a\r\nb", "a")]
#[case("x-a", "a\r\nb: c")]
#[case("x-a", "a\0")]
#[case("x-a", "é")]
fn headers_that_are_refused(#[case] name: &str, #[case] value: &str) {
    assert!(!one(name, value));
}

#[test]
fn headers_are_bounded_and_unique() {
    let many = (0..=domain::limits::CUSTOM_HEADERS).map(|n| (format!("x-{n}"), String::new()));
    assert!(judged(many.collect()).is_err());
    let twice = [("X-A", "1"), ("x-a", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert!(judged(BTreeMap::from(twice)).is_err());
}
