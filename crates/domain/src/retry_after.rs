//! The `Retry-After` header of an answer.

use std::time::{Duration, SystemTime};

/// How long the receiver asks to be left alone, from `now`.
///
/// Reads whole seconds and the three HTTP-date forms; a date that has passed asks for nothing.
/// What makes no sense (negative, fractional, text) is ignored, and a number beyond all bounds
/// counts as the largest, since the caller clamps it.
/// Source: RFC 9110, section 10.2.3.
#[must_use]
pub fn parse(value: &[u8], now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:07 GMT, half a minute before the RFC's example date.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_747)
    }

    #[rstest]
    #[case("120", Some(120))]
    #[case("  7\t", Some(7))]
    #[case("0", Some(0))]
    #[case("99999999999999999999999999", Some(u64::MAX))]
    #[case("Sun, 06 Nov 1994 08:49:37 GMT", Some(30))]
    #[case("Sunday, 06-Nov-94 08:49:37 GMT", Some(30))]
    #[case("Sun Nov  6 08:49:37 1994", Some(30))]
    #[case("Sun, 06 Nov 1994 08:00:00 GMT", Some(0))]
    #[case("-1", None)]
    #[case("+1", None)]
    #[case("1.5", None)]
    #[case("", None)]
    #[case("soon", None)]
    #[case("1e3", None)]
    #[case("١٢", None)]
    fn forms(#[case] value: &str, #[case] seconds: Option<u64>) {
        assert_eq!(
            parse(value.as_bytes(), now()),
            seconds.map(Duration::from_secs)
        );
    }

    proptest! {
        #[test]
        fn never_panics(value: Vec<u8>) {
            let _ = parse(&value, now());
        }
    }
}
