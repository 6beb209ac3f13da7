//! Without an operator's word, nothing goes inside: the canary hears of none of it.

use domain::address::{AddressPolicy, PlainHttp};
use domain::outcome::Failure;
use rstest::rstest;

use crate::support::{AMPLE, canary, egress, failure, loopback, post};

#[rstest]
#[case("127.0.0.1")]
#[case("127.1")]
#[case("127.0.1")]
#[case("2130706433")]
#[case("0x7f000001")]
#[case("0x7f.1")]
#[case("0177.0.0.1")]
#[case("017700000001")]
#[case("127.0.0.1.")]
#[case("１２７.０.０.１")]
#[case("127。0。0。1")]
#[case("%31%32%37.0.0.1")]
#[case("[::ffff:127.0.0.1]")]
#[case("[::ffff:7f00:1]")]
#[case("[0:0:0:0:0:ffff:127.0.0.1]")]
#[case("[::127.0.0.1]")]
#[case("[64:ff9b::127.0.0.1]")]
#[case("[2002:7f00:1::]")]
#[case("[::1]")]
#[case("[::]")]
#[case("0")]
#[case("0.0.0.0")]
#[case("localhost")]
#[case("LOCALHOST.")]
#[case("a.localhost")]
#[case("%6c%6fcalhost")]
#[tokio::test]
async fn loopback_is_refused_however_it_is_spelled(#[case] host: &str) {
    let canary = canary().await;
    let port = canary.address().port();
    for scheme in ["http", "https"] {
        let policy = AddressPolicy {
            http: PlainHttp::Allowed,
            ..AddressPolicy::default()
        };
        let attempted = post(
            &egress(policy),
            &format!("{scheme}://{host}:{port}/"),
            AMPLE,
        )
        .await;
        assert_eq!(failure(&attempted), Some(Failure::AddressForbidden));
        assert!(attempted.answer.is_empty());
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn http_is_refused_unless_allowed() {
    let canary = canary().await;
    let policy = AddressPolicy {
        http: PlainHttp::Forbidden,
        ..loopback()
    };
    let attempted = post(&egress(policy), &canary.url(), AMPLE).await;
    assert_eq!(failure(&attempted), Some(Failure::UrlForbidden));
    assert_eq!(canary.connections(), 0);
}

#[rstest]
#[case("http://user:password@{}/")]
#[case("http://{}/#fragment")]
#[case("ftp://{}/")]
#[case("file:///etc/passwd")]
#[case("http://a\"b.example/")]
#[case("http://127.0.0.1:22/")]
#[case("http://127.0.0.1:6379/")]
#[tokio::test]
async fn a_url_that_was_no_endpoints_is_refused_at_the_send_too(#[case] pattern: &str) {
    let canary = canary().await;
    let text = pattern.replace("{}", &canary.address().to_string());
    let attempted = post(&egress(loopback()), &text, AMPLE).await;
    assert_eq!(failure(&attempted), Some(Failure::UrlForbidden));
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn an_allowed_network_allows_nothing_beside_it() {
    for inside in [
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://[::1]/",
    ] {
        let attempted = post(&egress(loopback()), inside, AMPLE).await;
        assert_eq!(
            failure(&attempted),
            Some(Failure::AddressForbidden),
            "{inside}"
        );
    }
}
