//! The headers that an endpoint asks for, judged when they are set.

use std::collections::BTreeMap;

use domain::limits;
use service::problem::Problem;

use crate::problem;

/// The longest value, in bytes.
const VALUE_BYTES: usize = 4_096;

/// Names that are ours or the connection's, in lower case.
const RESERVED: [&str; 19] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "host",
    "keep-alive",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "forwarded",
];

/// Beginnings of such names.
const RESERVED_BELOW: [&str; 3] = ["webhook-", "proxy-", "x-forwarded-"];

/// The headers with their names in lower case, or what is wrong with the first that is.
pub(super) fn judged(headers: BTreeMap<String, String>) -> Result<Vec<(String, String)>, Problem> {
    if headers.len() > limits::CUSTOM_HEADERS {
        let detail = format!("at most {} headers", limits::CUSTOM_HEADERS);
        return Err(problem::invalid("#/headers", detail));
    }
    let mut judged = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if let Some(wrong) = fault(&name, &value) {
            return Err(problem::invalid(
                format!("#/headers/{}", pointer(&name)),
                wrong,
            ));
        }
        if judged.iter().any(|(other, _)| *other == name) {
            let pointer = format!("#/headers/{}", pointer(&name));
            return Err(problem::invalid(
                pointer,
                "given twice: case does not matter",
            ));
        }
        judged.push((name, value));
    }
    Ok(judged)
}

/// The headers after a change: a name without a value keeps the one that it has.
pub(super) fn changed(
    given: BTreeMap<String, Option<String>>,
    seen: &[(String, String)],
) -> Result<Vec<(String, String)>, Problem> {
    let kept = |name: &str| {
        let mut seen = seen.iter();
        let found = seen.find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    };
    let whole = given.into_iter().map(|(name, value)| {
        let value = value.or_else(|| kept(&name)).ok_or_else(|| {
            let place = format!("#/headers/{}", pointer(&name));
            problem::invalid(place, "there is no such header to keep: give it a value")
        })?;
        Ok((name, value))
    });
    judged(whole.collect::<Result<_, Problem>>()?)
}

fn fault(name: &str, value: &str) -> Option<&'static str> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
        return Some("not a header's name");
    }
    if RESERVED.contains(&name) || RESERVED_BELOW.iter().any(|below| name.starts_with(below)) {
        return Some("this name is reserved: take another");
    }
    let visible = |b: u8| matches!(b, b' '..=b'~' | b'\t');
    if value.len() > VALUE_BYTES || !value.bytes().all(visible) {
        return Some("a value is at most 4,096 characters of visible ASCII and spaces");
    }
    None
}

/// A name as a part of a JSON pointer, without what could end the line it is shown in.
fn pointer(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_control())
        .take(128)
        .collect::<String>()
        .replace('~', "~0")
        .replace('/', "~1")
}
