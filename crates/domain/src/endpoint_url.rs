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
    #[error("the URL is longer than {} bytes", limits::URL_BYTES)]
    TooLong,
    /// Neither https nor, where the operator allows it, http.
    #[error("the URL's scheme is not https")]
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
    #[error("the URL's port is not 443, 80 or from 1024 up")]
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
    // Below 1024 are the services of other protocols, which must not be spoken to by accident.
    if !matches!(url.port_or_known_default(), Some(80 | 443 | 1024..)) {
        return Err(EndpointUrlError::Port);
    }
    let literal = |address: IpAddr| match policy.judge(address) {
        Verdict::Public => Ok(Target::Literal(address)),
        Verdict::Forbidden(why) => Err(EndpointUrlError::Address(why)),
    };
    match url.host().ok_or(EndpointUrlError::Malformed)? {
        Host::Ipv4(address) => literal(address.into()),
        Host::Ipv6(address) => literal(address.into()),
        Host::Domain(name) if is_local(name) => Err(EndpointUrlError::LocalName),
        Host::Domain(name) => Ok(Target::Name(name.to_owned())),
    }
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
    #[case("https://0/", Why::Unspecified)]
    #[case("https://10.0.0.1/", Why::Private)]
    #[case("https://169.254.169.254/latest/meta-data", Why::Metadata)]
    #[case("https://[::]/", Why::Unspecified)]
    #[case("https://[::1]/", Why::Loopback)]
    #[case("https://[::ffff:127.0.0.1]/", Why::Loopback)]
    #[case("https://[::ffff:7f00:1]/", Why::Loopback)]
    #[case("https://[64:ff9b::10.0.0.1]/", Why::Private)]
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
    #[case("http://example.com/", EndpointUrlError::Scheme)]
    #[case("ftp://example.com/", EndpointUrlError::Scheme)]
    #[case("file:///etc/passwd", EndpointUrlError::Scheme)]
    #[case("https://user@example.com/", EndpointUrlError::Credentials)]
    #[case("https://user:pass@example.com/", EndpointUrlError::Credentials)]
    #[case("https://example.com/#fragment", EndpointUrlError::Fragment)]
    #[case("https://example.com:22/", EndpointUrlError::Port)]
    #[case("https://example.com:0/", EndpointUrlError::Port)]
    #[case("https://localhost/", EndpointUrlError::LocalName)]
    #[case("https://LOCALHOST./", EndpointUrlError::LocalName)]
    #[case("https://a.localhost/", EndpointUrlError::LocalName)]
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
        assert!(parse("http://127.0.0.1:9000/", &policy).is_ok());
        assert!(parse("http://10.0.0.1/", &policy).is_err());
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
    }
}
