//! Versions as entity tags, and the condition of a change.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use service::problem::Problem;
use store::endpoints::Precondition;

/// The header `ETag`, with what it speaks of.
pub(crate) type Tagged<T> = ([(HeaderName, String); 1], T);

/// The entity tag of a version.
pub(crate) fn of(version: i64) -> String {
    format!("\"{version}\"")
}

/// The version that a change is meant for, by the header `If-Match`; without it a change is
/// refused, since it could overwrite somebody else's. Source: RFC 6585, section 3.
pub(crate) struct IfMatch(pub(crate) Precondition);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            let status = StatusCode::PRECONDITION_REQUIRED;
            let detail = "send the ETag of what you have seen as If-Match";
            return Err(Problem::new(
                status,
                "if-match-required",
                "If-Match is required",
                detail,
            ));
        };
        Self::read(value.as_bytes())
    }
}

impl IfMatch {
    /// Reads an entity tag, or `*`.
    pub(crate) fn read(value: &[u8]) -> Result<Self, Problem> {
        parse(value).map(Self).ok_or_else(|| {
            let detail = "If-Match is an ETag as it came, such as \"3\", or *";
            Problem::new(
                StatusCode::BAD_REQUEST,
                "malformed",
                "If-Match can't be read",
                detail,
            )
        })
    }
}

fn parse(value: &[u8]) -> Option<Precondition> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if text == "*" {
        return Some(Precondition::Any);
    }
    let version = text.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
    Some(Precondition::Version(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        assert_eq!(parse(of(7).as_bytes()), Some(Precondition::Version(7)));
        assert_eq!(parse(b"*"), Some(Precondition::Any));
        for text in ["", "7", "W/\"7\"", "\"x\"", "\"7"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
