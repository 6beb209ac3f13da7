//! The text of headers.

use axum::http::HeaderMap;

use super::refusal::Refusal;

/// What a pointer to a header begins with.
const HEADER: &str = "header:";

/// The value of the header that `pointer` names, unquoted; none when it isn't there.
///
/// Sent twice it is refused, and so is what is not UTF-8: no value of it is ignored.
pub(crate) fn value(headers: &HeaderMap, pointer: &'static str) -> Result<Option<String>, Refusal> {
    let name = pointer.strip_prefix(HEADER).unwrap_or(pointer);
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Refusal::invalid(pointer, "sent twice: send it once"));
    }
    let text = std::str::from_utf8(value.as_bytes());
    let text = text.map_err(|_| Refusal::invalid(pointer, "not UTF-8"))?;
    Ok(Some(unquoted(text.trim_ascii())))
}

/// A bare text as it is, and what stands in a quoted one.
/// Source: RFC 9651, section 3.3.3.
fn unquoted(text: &str) -> String {
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let Some(quoted) = quoted else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}

/// The text that a percent-encoded one stands for; none when that is not UTF-8. A `%` that begins
/// no hexadecimal pair stands for itself.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after) {
            (b'%', [high, low, after @ ..]) if let Some(pair) = pair(*high, *low) => {
                bytes.push(pair);
                rest = after;
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn pair(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("order-1", "order-1")]
    #[case(r#""order-1""#, "order-1")]
    #[case(r#""a\"b\\c""#, r#"a"b\c"#)]
    #[case(r#"""#, r#"""#)]
    #[case(r#""open"#, r#""open"#)]
    #[case("ä", "ä")]
    fn values(#[case] sent: &str, #[case] expected: &str) {
        let mut headers = HeaderMap::new();
        assert_eq!(value(&headers, "header:ce-id"), Ok(None));
        headers.append("ce-id", HeaderValue::from_bytes(sent.as_bytes()).unwrap());
        assert_eq!(
            value(&headers, "header:ce-id"),
            Ok(Some(expected.to_owned()))
        );
        headers.append("ce-id", HeaderValue::from_static("2"));
        assert!(value(&headers, "header:ce-id").is_err());
    }

    #[test]
    fn what_is_not_utf8_is_not_ignored() {
        let value = HeaderValue::from_bytes(b"\xe4").unwrap();
        let headers = HeaderMap::from_iter([("ce-id".parse().unwrap(), value)]);
        assert!(super::value(&headers, "header:ce-id").is_err());
    }

    #[rstest]
    #[case("plain", Some("plain"))]
    #[case("Euro%20%E2%82%ac%20%F0%9F%98%80", Some("Euro € 😀"))]
    #[case("100%", Some("100%"))]
    #[case("%4", Some("%4"))]
    #[case("%+1%zz", Some("%+1%zz"))]
    #[case("%25%32%30", Some("%20"))]
    #[case("%ff", None)]
    fn percents(#[case] sent: &str, #[case] expected: Option<&str>) {
        assert_eq!(percent_decoded(sent).as_deref(), expected);
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(text: String) {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(percent_decoded(&encoded), Some(text));
        }

        #[test]
        fn unquoting_never_panics(text: String) {
            let _ = unquoted(&text);
        }
    }
}
