//! Fuzz targets: what strangers give us to judge. `docs/development.md` says how they are run.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use bolero::check;

use crate::address::{AddressPolicy, PlainHttp, Verdict, judge};
use crate::endpoint_url::{self, Target};
use crate::event::Channel;
use crate::event_type::{EventType, EventTypePattern};
use crate::id::EventId;
use crate::retry_after;

/// How long each target runs as a test.
const BOUND: Duration = Duration::from_secs(1);

/// What is accepted is accepted again as it was written down, goes where the HTTP client's own
/// parser would go, and to no address that is inside.
#[test]
fn url() {
    let strict = AddressPolicy::default();
    let open = AddressPolicy {
        allowed: Vec::new(),
        http: PlainHttp::Allowed,
    };
    check!().with_test_time(BOUND).for_each(|input: &[u8]| {
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        let lenient = endpoint_url::parse(text, &open);
        let Ok(url) = endpoint_url::parse(text, &strict) else {
            return;
        };
        assert_eq!(lenient.as_ref(), Ok(&url), "http apart, the two are one");
        assert_eq!(
            endpoint_url::parse(url.as_str(), &strict).as_ref(),
            Ok(&url)
        );
        assert!(url.username().is_empty() && url.password().is_none());
        let sent: http::Uri = url.as_str().parse().expect("the client can read it");
        let host = sent.host().expect("it has a host");
        match endpoint_url::target(&url, &strict).expect("it was accepted") {
            Target::Literal(address) => {
                assert_eq!(judge(address), Verdict::Public);
                let bare = host.trim_matches(['[', ']']);
                assert_eq!(bare.parse::<IpAddr>().ok(), Some(address));
            }
            Target::Name(name) => {
                assert_eq!(host, name);
                let bare = name.trim_end_matches('.');
                assert!(bare.parse::<IpAddr>().is_err() && bare.contains('.'));
            }
        }
    });
}

/// Nothing that the standard library knows to be inside is public, and no other spelling of an
/// address makes it so.
#[test]
fn address() {
    check!().with_test_time(BOUND).for_each(|input: &[u8]| {
        if let Some(octets) = input.first_chunk::<4>() {
            let address = Ipv4Addr::from(*octets);
            let inside = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_multicast()
                || address.is_unspecified();
            let verdict = judge(address.into());
            assert!(!inside || verdict != Verdict::Public, "{address}");
            assert_eq!(judge(address.to_ipv6_mapped().into()), verdict, "{address}");
            let policy = AddressPolicy::default();
            assert_eq!(policy.judge(address.into()), verdict, "{address}");
        }
        if let Some(octets) = input.first_chunk::<16>() {
            let address = Ipv6Addr::from(*octets);
            let inside = address.is_loopback()
                || address.is_multicast()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local();
            let verdict = judge(address.into());
            assert!(!inside || verdict != Verdict::Public, "{address}");
            assert_eq!(AddressPolicy::default().judge(address.into()), verdict);
        }
    });
}

/// The first four bytes are the clock, in seconds; the rest is the header's value.
#[test]
fn retry_after_header() {
    check!().with_test_time(BOUND).for_each(|input: &[u8]| {
        let Some((clock, value)) = input.split_first_chunk::<4>() else {
            return;
        };
        let seconds = u64::from(u32::from_be_bytes(*clock));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let wait = retry_after::parse(value, now);
        if !value.is_empty() && value.iter().all(u8::is_ascii_digit) {
            assert!(wait.is_some(), "a number of seconds is always one");
        } else if wait.is_some() && value.contains(&b':') {
            let latest = Duration::from_secs(253_402_300_800);
            assert!(wait < Some(latest), "no date is later than the year 9999");
        }
    });
}

/// What is read is written as it was, and read again as the same.
#[test]
fn names() {
    check!().with_test_time(BOUND).for_each(|input: &[u8]| {
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        if let Ok(event_type) = text.parse::<EventType>() {
            assert_eq!(event_type.as_str(), text);
            assert!(text.is_ascii() && !text.contains(['*', '#', '/']));
        }
        if let Ok(pattern) = text.parse::<EventTypePattern>() {
            assert_eq!(pattern.to_string(), text);
        }
        if let Ok(channel) = text.parse::<Channel>() {
            assert_eq!(channel.as_str(), text);
        }
        if let Ok(id) = text.parse::<EventId>() {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    });
}
