//! What a name resolves to is judged, all of it, by the one answer that is then connected to.

use std::path::PathBuf;
use std::time::Duration;

use dispatcher::egress::{Egress, Names};
use domain::address::AddressPolicy;
use domain::outcome::Failure;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use rstest::rstest;
use testkit::name_server::{NameServer, Say};
use testkit::raw::Receiver;

use crate::support::{
    AMPLE, IDLE_PER_HOST, SHORT, SLACK, canary, failure, loopback, post, saying, status,
};

const OK: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

fn asking(server: &NameServer, policy: AddressPolicy) -> Egress {
    let names = Names::Servers(vec![server.address()]);
    Egress::build(policy, None::<&PathBuf>, &names, IDLE_PER_HOST).unwrap()
}

fn at(receiver: &Receiver) -> String {
    format!("http://hooks.example:{}/", receiver.address().port())
}

#[tokio::test]
async fn a_name_is_resolved_once_for_a_connection() {
    let receiver = saying(OK).await;
    let server = NameServer::start(vec![Say::addresses(&["127.0.0.1"])]).await;

    let attempted = post(&asking(&server, loopback()), &at(&receiver), AMPLE).await;

    assert_eq!(status(&attempted), Some(200), "{attempted:?}");
    let mut questions = server.questions();
    questions.sort_unstable();
    // Both families, absolutely, and nothing else: no search domain, no second look.
    let name = || "hooks.example.".to_owned();
    assert_eq!(
        questions,
        [(name(), RecordType::A), (name(), RecordType::AAAA)]
    );
}

#[rstest]
#[case::no_such_name(Say::Code(ResponseCode::NXDomain), Failure::DnsNotFound)]
#[case::no_address(Say::Addresses(Vec::new()), Failure::DnsNotFound)]
#[case::servfail(Say::Code(ResponseCode::ServFail), Failure::DnsFailed)]
#[case::refused(Say::Code(ResponseCode::Refused), Failure::DnsFailed)]
#[tokio::test]
async fn a_name_without_addresses_fails_with_its_own_reason(
    #[case] say: Say,
    #[case] expected: Failure,
) {
    let server = NameServer::start(vec![say]).await;
    let egress = asking(&server, loopback());
    let attempted = post(&egress, "http://hooks.example/", AMPLE).await;
    assert_eq!(failure(&attempted), Some(expected));
}

/// Many name servers fail at the family that they have nothing of. The address that is there is
/// judged and used all the same.
#[rstest]
#[case::servfail(ResponseCode::ServFail)]
#[case::not_implemented(ResponseCode::NotImp)]
#[case::refused(ResponseCode::Refused)]
#[case::no_such_name(ResponseCode::NXDomain)]
#[tokio::test]
async fn a_family_that_fails_does_not_hide_the_other(#[case] code: ResponseCode) {
    let receiver = saying(OK).await;
    let one = Say::OneFamily("127.0.0.1".parse().unwrap(), code);
    let server = NameServer::start(vec![one.clone()]).await;
    let attempted = post(&asking(&server, loopback()), &at(&receiver), AMPLE).await;
    assert_eq!(status(&attempted), Some(200), "{attempted:?}");

    let server = NameServer::start(vec![one]).await;
    let policy = AddressPolicy {
        allowed: Vec::new(),
        ..loopback()
    };
    let attempted = post(&asking(&server, policy), &at(&receiver), AMPLE).await;
    assert_eq!(failure(&attempted), Some(Failure::AddressForbidden));
    assert_eq!(receiver.connections(), 1, "the first alone");
}

#[tokio::test]
async fn a_name_that_never_exists_needs_no_name_server() {
    let egress =
        Egress::build(loopback(), None::<&PathBuf>, &Names::System, IDLE_PER_HOST).unwrap();
    // This name never exists (RFC 6761, section 6.4), so the test needs no network.
    let attempted = post(&egress, "http://hooks.invalid/", AMPLE).await;
    assert_eq!(failure(&attempted), Some(Failure::DnsNotFound));
}

#[tokio::test]
async fn name_servers_that_are_silent_are_waited_for_a_bounded_time() {
    let server = NameServer::start(vec![Say::Nothing]).await;
    let egress = asking(&server, loopback());

    let short = post(&egress, "http://hooks.example/", SHORT).await;
    assert_eq!(failure(&short), Some(Failure::DnsTimeout));
    assert!(
        (SHORT..SHORT + SLACK).contains(&short.duration),
        "{:?}",
        short.duration
    );

    let ample = post(&egress, "http://hooks.example/", Duration::from_secs(60)).await;
    assert_eq!(failure(&ample), Some(Failure::DnsTimeout));
    assert!(
        ample.duration < Duration::from_secs(10) + SLACK,
        "{:?}",
        ample.duration
    );
}

#[rstest]
#[case::loopback(&["127.0.0.1"])]
#[case::loopback_of_ipv6(&["::1"])]
#[case::mapped(&["::ffff:127.0.0.1"])]
#[case::private(&["10.0.0.1"])]
#[case::metadata(&["169.254.169.254"])]
#[case::carrier(&["100.64.0.1"])]
#[case::nat64(&["64:ff9b::127.0.0.1"])]
#[case::six_to_four(&["2002:7f00:1::"])]
#[case::unspecified(&["0.0.0.0"])]
#[case::public_and_private(&["8.8.8.8", "127.0.0.1"])]
#[case::private_and_public(&["127.0.0.1", "8.8.8.8"])]
#[case::public_and_inside_by_ipv6(&["8.8.8.8", "::1"])]
#[tokio::test]
async fn one_forbidden_address_forbids_the_name(#[case] addresses: &[&str]) {
    let canary = canary().await;
    let server = NameServer::start(vec![Say::addresses(addresses)]).await;
    let policy = AddressPolicy {
        allowed: Vec::new(),
        ..loopback()
    };
    let attempted = post(&asking(&server, policy), &at(&canary), AMPLE).await;
    assert_eq!(failure(&attempted), Some(Failure::AddressForbidden));
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn an_address_in_an_allowed_network_does_not_excuse_its_neighbour() {
    let canary = canary().await;
    let server = NameServer::start(vec![Say::addresses(&["127.0.0.1", "10.0.0.1"])]).await;
    let attempted = post(&asking(&server, loopback()), &at(&canary), AMPLE).await;
    assert_eq!(failure(&attempted), Some(Failure::AddressForbidden));
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn an_alias_of_an_inside_name_is_forbidden() {
    let canary = canary().await;
    let alias = Say::aliases(&["db.internal."], &["127.0.0.1"]);
    let server = NameServer::start(vec![alias]).await;
    let policy = AddressPolicy {
        allowed: Vec::new(),
        ..loopback()
    };
    let attempted = post(&asking(&server, policy), &at(&canary), AMPLE).await;
    assert_eq!(failure(&attempted), Some(Failure::AddressForbidden));
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_loop_of_aliases_ends() {
    let server = NameServer::start(vec![Say::aliases(&["hooks.example."], &[])]).await;
    let attempted = post(&asking(&server, loopback()), "http://hooks.example/", AMPLE).await;
    assert_eq!(
        failure(&attempted),
        Some(Failure::DnsNotFound),
        "{attempted:?}"
    );
    assert!(attempted.duration < SLACK, "{:?}", attempted.duration);
}

#[tokio::test]
async fn a_name_that_moves_inside_is_forbidden_from_then_on() {
    let receiver = saying(OK).await;
    let says = vec![
        Say::addresses(&["127.0.0.1"]),
        Say::addresses(&["10.0.0.1"]),
    ];
    let server = NameServer::start(says).await;
    let egress = asking(&server, loopback());

    let before = post(&egress, &at(&receiver), AMPLE).await;
    let after = post(&egress, &at(&receiver), AMPLE).await;

    assert_eq!(status(&before), Some(200));
    assert_eq!(failure(&after), Some(Failure::AddressForbidden));
    assert_eq!(receiver.connections(), 1);
}

/// So many that their answer doesn't fit into a datagram: all are read, and all are judged.
#[tokio::test]
async fn five_hundred_addresses_are_judged_to_the_last() {
    let receiver = saying(OK).await;
    let mut addresses: Vec<String> = (1..=499)
        .map(|n| format!("127.1.{}.{}", n / 250, n % 250 + 1))
        .collect();
    addresses.insert(0, "127.0.0.1".to_owned());
    let texts: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let server = NameServer::start(vec![Say::addresses(&texts)]).await;
    let attempted = post(&asking(&server, loopback()), &at(&receiver), AMPLE).await;
    assert_eq!(status(&attempted), Some(200), "{attempted:?}");

    let mut with_one_inside = texts.clone();
    with_one_inside.push("10.0.0.1");
    let server = NameServer::start(vec![Say::addresses(&with_one_inside)]).await;
    let attempted = post(&asking(&server, loopback()), &at(&receiver), AMPLE).await;
    assert_eq!(
        failure(&attempted),
        Some(Failure::AddressForbidden),
        "{attempted:?}"
    );
    assert_eq!(receiver.connections(), 1, "the first alone");
}

#[tokio::test]
async fn only_so_many_addresses_are_tried() {
    let receiver = saying(OK).await;
    // Nobody listens at the others; the one that works comes too late.
    let mut addresses: Vec<String> = (2..42).map(|last| format!("127.9.9.{last}")).collect();
    addresses.push("127.0.0.1".to_owned());
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let server = NameServer::start(vec![Say::addresses(&addresses)]).await;
    let attempted = post(&asking(&server, loopback()), &at(&receiver), AMPLE).await;
    assert_eq!(
        failure(&attempted),
        Some(Failure::ConnectionRefused),
        "{attempted:?}"
    );
    assert_eq!(receiver.connections(), 0);
}
