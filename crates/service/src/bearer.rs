//! The bearer token of a request. Source: RFC 6750, section 2.1.

use axum::http::{HeaderMap, header};

/// What stands behind `Authorization: Bearer`, the scheme in any case.
#[must_use]
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        let of = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            token(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("bEARER  abc ").as_deref(), Some("abc"));
        for value in ["", "Bearer", "Basic abc", "abc"] {
            assert_eq!(of(value), None, "{value}");
        }
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
