//! Where an endpoint may be: the URL as its owner gave it, judged at creation and before each send.
//!
//! The host is judged as the URL parser understood it, by its kind, and never by reading its text:
//! `127.1`, `0x7f000001`, full-width digits and percent-encoded names are all what they parse to.

use std::net::IpAddr;

use url::{Host, Url};

use crate::address::{AddressPolicy, PlainHttp, Verdict, Why};
use crate::limits;

/// A URL that an endpoint may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointUrlError {
    /// It is no absolute URL.
    #[error("not a URL: give an absolute one, such as https://example.com/webhooks")]
    Malformed,
    /// It is longer than [`limits::URL_BYTES`].
    #[error(
        "the URL is longer than {} bytes: give a shorter one",
        limits::URL_BYTES
    )]
    TooLong,
    /// Neither https nor, where the operator allows it, http.
    #[error("the URL's scheme is not one that we send to: give an https URL")]
    Scheme,
    /// It carries a user or a password.
    #[error("the URL carries a user or password: use a header of the endpoint instead")]
    Credentials,
    /// It has a fragment, which is never sent.
    #[error("the URL has a fragment (#…), which is never sent: leave it out")]
    Fragment,
    /// Its host is a name that is local by definition.
    #[error("the URL's host is a local name: give one that the public Internet knows")]
    LocalName,
    /// Its host is an address that is not public.
    #[error("the URL's address is {}: give a public one", .0.in_words())]
    Address(Why),
    /// Its port is one of another protocol's.
    #[error(
        "the URL's port is kept for another protocol: use 443, 80, 8443 or another from 1024 up"
    )]
    Port,
}

/// What a URL's host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A name: every address that it resolves to must be judged.
    Name(String),
    /// An address, which was judged and passed.
    Literal(IpAddr),
}

/// Names that never leave a machine or a site. Sources: RFC 6761, RFC 6762, RFC 8375, RFC 9476,
/// and ICANN's reservation of `internal`.
const LOCAL_NAMES: [&str; 10] = [
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "home.arpa",
    "localdomain",
    "alt",
];

/// Ports from 1024 up whose services act on what they can read of any request: databases, caches,
/// brokers, chat, printers, and machines' own APIs. Below 1024, nothing but 80 and 443 is sent to.
/// Beside [`AddressPolicy::allowed`], since a network may be allowed for its receivers' sake and
/// hold a cache too.
const SERVICE_PORTS: [u16; 20] = [
    1433,  // SQL Server
    1521,  // Oracle
    2049,  // NFS
    2181,  // ZooKeeper
    2375,  // Docker
    2376,  // Docker
    2379,  // etcd
    3306,  // MySQL
    5432,  // PostgreSQL
    5672,  // AMQP
    6379,  // Redis
    6443,  // Kubernetes
    6667,  // IRC
    9042,  // Cassandra
    9092,  // Kafka
    9100,  // printers
    9200,  // Elasticsearch
    10250, // the kubelet
    11211, // memcached
    27017, // MongoDB
];

/// Reads and judges a URL for an endpoint.
///
/// # Errors
/// What is wrong with it, in words for its owner.
pub fn parse(text: &str, policy: &AddressPolicy) -> Result<Url, EndpointUrlError> {
    if text.len() > limits::URL_BYTES {
        return Err(EndpointUrlError::TooLong);
    }
    // The parser takes a backslash for a slash and drops tabs and line ends; people who mean it
    // well send neither.
    if text.contains(|c: char| c == '\\' || c.is_control() || c.is_whitespace()) {
        return Err(EndpointUrlError::Malformed);
    }
    let url = Url::parse(text).map_err(|_| EndpointUrlError::Malformed)?;
    target(&url, policy)?;
    Ok(url)
}

/// Judges a URL again, right before it is sent to.
///
/// # Errors
/// When it may not be sent to, any more or under this policy.
pub fn target(url: &Url, policy: &AddressPolicy) -> Result<Target, EndpointUrlError> {
    match (url.scheme(), policy.http) {
        ("https", _) | ("http", PlainHttp::Allowed) => {}
        _ => return Err(EndpointUrlError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EndpointUrlError::Credentials);
    }
    if url.fragment().is_some() {
        return Err(EndpointUrlError::Fragment);
    }
    match url.port_or_known_default() {
        Some(80 | 443) => {}
        Some(port @ 1024..) if !SERVICE_PORTS.contains(&port) => {}
        _ => return Err(EndpointUrlError::Port),
    }
    let literal = |address: IpAddr| match policy.judge(address) {
        Verdict::Public => Ok(Target::Literal(address)),
        Verdict::Forbidden(why) => Err(EndpointUrlError::Address(why)),
    };
    match url.host().ok_or(EndpointUrlError::Malformed)? {
        Host::Ipv4(address) => literal(address.into()),
        Host::Ipv6(address) => literal(address.into()),
        Host::Domain(name) if !is_name(name) => Err(EndpointUrlError::Malformed),
        Host::Domain(name) if is_local(name) => Err(EndpointUrlError::LocalName),
        Host::Domain(name) => Ok(Target::Name(name.to_owned())),
    }
}

/// Whether it is a name that a name server can know: labels of letters, digits, hyphens and
/// underscores, full stops between them and perhaps one at the end. The URL parser takes more
/// (quotes, braces, empty labels), and has made ASCII of what is not.
/// Source: RFC 1035, sections 2.3.1 and 2.3.4; the underscore is seen in practice.
fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_character = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_character);
    name.len() <= 253 && name.split('.').all(is_label)
}

/// A name without a full stop is looked up in the resolver's search domains: inside.
fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_below = |local: &str| {
        name.strip_suffix(local)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !name.contains('.') || LOCAL_NAMES.into_iter().any(is_below)
}

/// A URL as logs and people without the right to its secrets may see it: scheme, host and port.
/// Path, query and user may carry tokens.
#[must_use]
pub fn redacted(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn parsed(text: &str) -> Result<Url, EndpointUrlError> {
        parse(text, &AddressPolicy::default())
    }

    #[rstest]
    #[case("https://example.com/webhooks")]
    #[case("https://example.com:8443/a?token=1")]
    #[case("https://bücher.example/")]
    #[case("https://1.1.1.1/")]
    #[case("https://[2606:4700:4700::1111]/")]
    #[case("https://example.com./")]
    #[case("https://locally.example/")]
    #[case("https://a_b.a-b.example/")]
    #[case("https://localhost.example/")]
    #[case("https://xn--bcher-kva.example/")]
    #[case("https://münchen.example:1024/ä?ö=ü")]
    #[case("https://EXAMPLE.com:443")]
    #[case("https://example.com:80/")]
    #[case("https://example.com:65535/")]
    #[case("https://1.2.3.4.example/")]
    #[case("https://100.63.255.255/")]
    #[case("https://[64:ff9b::1.1.1.1]/")]
    fn public_ones_pass(#[case] text: &str) {
        assert!(parsed(text).is_ok(), "{:?}", parsed(text));
    }

    #[rstest]
    #[case("https://127.0.0.1/", Why::Loopback)]
    #[case("https://127.1/", Why::Loopback)]
    #[case("https://2130706433/", Why::Loopback)]
    #[case("https://0x7f000001/", Why::Loopback)]
    #[case("https://0177.0.0.1/", Why::Loopback)]
    #[case("https://127.0.0.1./", Why::Loopback)]
    #[case("https://１２７.０.０.１/", Why::Loopback)]
    #[case("https://%31%32%37.0.0.1/", Why::Loopback)]
    #[case("https://127.0.1/", Why::Loopback)]
    #[case("https://0X7F.1/", Why::Loopback)]
    #[case("https://0x7f.0x0.0x0.0x1/", Why::Loopback)]
    #[case("https://017700000001/", Why::Loopback)]
    #[case("https://00000177.1/", Why::Loopback)]
    #[case("https://%30%78%37f.1/", Why::Loopback)]
    #[case("https://①②⑦.⓪.⓪.①/", Why::Loopback)]
    #[case("https://127。0。0。1/", Why::Loopback)]
    #[case("https://127.0.0.1:8443/", Why::Loopback)]
    #[case("https:/127.0.0.1/", Why::Loopback)]
    #[case("https:127.0.0.1", Why::Loopback)]
    #[case("https:////127.0.0.1/", Why::Loopback)]
    #[case("https://0/", Why::Unspecified)]
    #[case("https://0.0.0.0/", Why::Unspecified)]
    #[case("https://0x0/", Why::Unspecified)]
    #[case("https://172.16.0.1/", Why::Private)]
    #[case("https://192.168.0.1/", Why::Private)]
    #[case("https://100.64.0.1/", Why::CarrierGrade)]
    #[case("https://2852039166/", Why::Metadata)]
    #[case("https://0xA9FEA9FE/", Why::Metadata)]
    #[case("https://168.63.129.16/", Why::Metadata)]
    #[case("https://100.100.100.200/", Why::Metadata)]
    #[case("https://169.254.1.1/", Why::LinkLocal)]
    #[case("https://192.0.0.1/", Why::Reserved)]
    #[case("https://192.88.99.1/", Why::Reserved)]
    #[case("https://198.18.0.1/", Why::Documentation)]
    #[case("https://224.0.0.1/", Why::Multicast)]
    #[case("https://240.0.0.1/", Why::Reserved)]
    #[case("https://255.255.255.255/", Why::Multicast)]
    #[case("https://4294967295/", Why::Multicast)]
    #[case("https://10.0.0.1/", Why::Private)]
    #[case("https://169.254.169.254/latest/meta-data", Why::Metadata)]
    #[case("https://[::]/", Why::Unspecified)]
    #[case("https://[::1]/", Why::Loopback)]
    #[case("https://[::ffff:127.0.0.1]/", Why::Loopback)]
    #[case("https://[::ffff:7f00:1]/", Why::Loopback)]
    #[case("https://[0:0:0:0:0:ffff:127.0.0.1]/", Why::Loopback)]
    #[case("https://[::127.0.0.1]/", Why::Reserved)]
    #[case("https://[64:ff9b::10.0.0.1]/", Why::Private)]
    #[case("https://[64:ff9b:1::1]/", Why::Private)]
    #[case("https://[2002:7f00:1::]/", Why::Reserved)]
    #[case("https://[2001::1]/", Why::Reserved)]
    #[case("https://[2001:db8::1]/", Why::Documentation)]
    #[case("https://[3fff::1]/", Why::Documentation)]
    #[case("https://[fc00::1]/", Why::Private)]
    #[case("https://[fe80::1]/", Why::LinkLocal)]
    #[case("https://[fec0::1]/", Why::Private)]
    #[case("https://[ff02::1]/", Why::Multicast)]
    #[case("https://[fd00:ec2::254]/", Why::Metadata)]
    fn inside_addresses_are_refused_however_spelled(#[case] text: &str, #[case] why: Why) {
        assert_eq!(parsed(text), Err(EndpointUrlError::Address(why)));
    }

    #[rstest]
    #[case("", EndpointUrlError::Malformed)]
    #[case("example.com", EndpointUrlError::Malformed)]
    #[case("/webhooks", EndpointUrlError::Malformed)]
    #[case("https://", EndpointUrlError::Malformed)]
    #[case("https:\\\\example.com/", EndpointUrlError::Malformed)]
    #[case("https://exam\tple.com/", EndpointUrlError::Malformed)]
    #[case("https://256.256.256.256/", EndpointUrlError::Malformed)]
    #[case("https://example.com\\@127.0.0.1/", EndpointUrlError::Malformed)]
    #[case("https://127.0.0.1%00.example.com/", EndpointUrlError::Malformed)]
    #[case("https://127.0.0.1%2eexample.com%2f@a/", EndpointUrlError::Credentials)]
    #[case("https://[fe80::1%25eth0]/", EndpointUrlError::Malformed)]
    #[case("https://[::1", EndpointUrlError::Malformed)]
    #[case("https://0x100000000/", EndpointUrlError::Malformed)]
    #[case("https://1.2.3.4.5/", EndpointUrlError::Malformed)]
    #[case("https://127.0.0.1../", EndpointUrlError::Malformed)]
    #[case("https://example.com../", EndpointUrlError::Malformed)]
    #[case("https://.example.com/", EndpointUrlError::Malformed)]
    #[case("https://a\"b.example/", EndpointUrlError::Malformed)]
    #[case("https://a{b}.example/", EndpointUrlError::Malformed)]
    #[case("https://*.example.com/", EndpointUrlError::Malformed)]
    #[case("https://a;b.example/", EndpointUrlError::Malformed)]
    #[case("https://a..example.com/", EndpointUrlError::Malformed)]
    #[case("https://exam ple.com/", EndpointUrlError::Malformed)]
    #[case("https://example.com/\r\nhost: inside", EndpointUrlError::Malformed)]
    #[case("https://example.com:65536/", EndpointUrlError::Malformed)]
    #[case("//example.com/", EndpointUrlError::Malformed)]
    #[case("http://example.com/", EndpointUrlError::Scheme)]
    #[case("gopher://example.com:70/_x", EndpointUrlError::Scheme)]
    #[case("unix:/run/docker.sock", EndpointUrlError::Scheme)]
    #[case("javascript:alert(1)", EndpointUrlError::Scheme)]
    #[case("data:text/plain,a", EndpointUrlError::Scheme)]
    #[case("ftp://example.com/", EndpointUrlError::Scheme)]
    #[case("file:///etc/passwd", EndpointUrlError::Scheme)]
    #[case("https://user@example.com/", EndpointUrlError::Credentials)]
    #[case("https://user:pass@example.com/", EndpointUrlError::Credentials)]
    #[case("https://example.com/#fragment", EndpointUrlError::Fragment)]
    #[case("https://example.com:22/", EndpointUrlError::Port)]
    #[case("https://example.com:0/", EndpointUrlError::Port)]
    #[case("https://example.com:25/", EndpointUrlError::Port)]
    #[case("https://example.com:1023/", EndpointUrlError::Port)]
    #[case("https://example.com:6379/", EndpointUrlError::Port)]
    #[case("https://example.com:11211/", EndpointUrlError::Port)]
    #[case("https://:pass@example.com/", EndpointUrlError::Credentials)]
    #[case("https://example.com@127.0.0.1/", EndpointUrlError::Credentials)]
    #[case("https://example.com/#", EndpointUrlError::Fragment)]
    #[case("https://localhost/", EndpointUrlError::LocalName)]
    #[case("https://LOCALHOST./", EndpointUrlError::LocalName)]
    #[case("https://a.localhost/", EndpointUrlError::LocalName)]
    #[case("https://%6c%6f%63alhost/", EndpointUrlError::LocalName)]
    #[case("https://ｌｏｃａｌｈｏｓｔ/", EndpointUrlError::LocalName)]
    #[case("https://localhost.localdomain/", EndpointUrlError::LocalName)]
    #[case("https://router.home.arpa/", EndpointUrlError::LocalName)]
    #[case("https://printer.local/", EndpointUrlError::LocalName)]
    #[case("https://metadata.google.internal/", EndpointUrlError::LocalName)]
    #[case("https://rabbitmq/", EndpointUrlError::LocalName)]
    fn others_are_refused_with_a_reason(#[case] text: &str, #[case] error: EndpointUrlError) {
        assert_eq!(parsed(text), Err(error));
    }

    #[test]
    fn what_an_operator_allows_passes() {
        let policy = AddressPolicy {
            allowed: vec!["127.0.0.0/8".parse().unwrap()],
            http: PlainHttp::Allowed,
        };
        for text in [
            "http://127.0.0.1:9000/",
            "https://127.1/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            assert!(parse(text, &policy).is_ok(), "{text}");
        }
        for text in [
            "http://10.0.0.1/",
            "http://[::1]/",
            "http://127.0.0.1:6379/",
        ] {
            assert!(parse(text, &policy).is_err(), "{text}");
        }
    }

    #[test]
    fn the_longest_passes_and_one_byte_more_does_not() {
        let start = "https://example.com/";
        let longest = format!("{start}{}", "a".repeat(limits::URL_BYTES - start.len()));
        assert!(parsed(&longest).is_ok());
        assert_eq!(
            parsed(&format!("{longest}a")),
            Err(EndpointUrlError::TooLong)
        );
    }

    #[rstest]
    #[case(63, 3, true)]
    #[case(64, 1, false)]
    #[case(63, 4, false)]
    fn names_have_bounds(#[case] label: usize, #[case] labels: usize, #[case] passes: bool) {
        let name = vec!["a".repeat(label); labels].join(".");
        assert_eq!(parsed(&format!("https://{name}.example/")).is_ok(), passes);
    }

    #[test]
    fn what_may_be_a_token_is_not_shown() {
        let url = Url::parse("https://hooks.example:8443/T0KEN?key=SECRET").unwrap();
        assert_eq!(redacted(&url), "https://hooks.example:8443");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,80}") {
            let _ = parsed(&text);
            let _ = parsed(&format!("https://{text}/"));
        }

        #[test]
        fn an_address_is_judged_the_same_in_every_spelling(bits: u32) {
            let address = std::net::Ipv4Addr::from(bits);
            let [a, b, c, d] = address.octets();
            let expected = parsed(&format!("https://{address}/")).map(|url| url.to_string());
            for spelling in [
                format!("{bits}"),
                format!("0x{bits:x}"),
                format!("0{bits:o}"),
                format!("{a}.{}", bits & 0x00ff_ffff),
                format!("{a:#x}.{b}.{}", u16::from_be_bytes([c, d])),
                format!("{a}.0{b:o}.{c:#X}.{d}."),
            ] {
                let spelled = parsed(&format!("https://{spelling}/")).map(|url| url.to_string());
                prop_assert_eq!(spelled, expected.clone(), "{}", spelling);
            }
            let mapped = parsed(&format!("https://[::ffff:{address}]/"));
            prop_assert_eq!(mapped.err(), expected.err());
        }

        #[test]
        fn what_was_accepted_is_accepted_again(text in "[a-z0-9.:/@%\\[\\]#?-]{0,60}") {
            if let Ok(url) = parsed(&format!("https://{text}")) {
                prop_assert_eq!(parsed(url.as_str()), Ok(url));
            }
        }
    }
}
