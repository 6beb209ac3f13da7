//! What the dashboard is served with.

use axum::http::HeaderValue;
use bytes::Bytes;
use url::Url;

use super::cookies::Cookies;
use super::reference;
use super::throttle::Throttle;
use crate::api::openapi;
use crate::oidc::Provider;

/// What the dashboard is served with.
pub(crate) struct Dashboard {
    /// Where browsers find it; it ends with a slash.
    pub(crate) public_url: Url,
    /// What its pages may load, and who may frame them.
    pub(super) policy: HeaderValue,
    pub(super) cookies: Cookies,
    /// For those who try to get in.
    pub(super) refused: Throttle,
    /// Whom people sign in by, where not by keys alone.
    pub(super) provider: Option<Provider>,
    /// Where traces are looked at, with a place for the id.
    pub(super) trace_url: Option<String>,
    /// The page of the API reference.
    pub(super) reference: Bytes,
}

/// Whether cookies are for https alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Https,
    /// For development: browsers take it as good on this machine alone.
    Http,
}

/// Who may show pages in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    ByNobody,
    /// The origins that the operator names, of whatever site.
    ByOthers,
}

impl Dashboard {
    /// One at this URL, which pages of these origins may frame.
    pub(crate) fn new(
        public_url: Url,
        frame_ancestors: &[String],
        provider: Option<Provider>,
        trace_url: Option<String>,
    ) -> Self {
        let transport = match public_url.scheme() {
            "https" => Transport::Https,
            _ => Transport::Http,
        };
        let framing = match frame_ancestors {
            [] => Framing::ByNobody,
            _ => Framing::ByOthers,
        };
        Self {
            public_url,
            policy: policy(frame_ancestors),
            cookies: Cookies { transport, framing },
            refused: Throttle::default(),
            provider,
            trace_url,
            reference: reference::rendered(&openapi()),
        }
    }
}

/// Nothing inline and nothing of anybody else's. Source: Content Security Policy Level 3.
fn policy(frame_ancestors: &[String]) -> HeaderValue {
    let ancestors = match frame_ancestors {
        [] => "'none'".to_owned(),
        origins => origins.join(" "),
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    );
    policy
        .try_into()
        .expect("origins were serialised as ASCII without control characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_frames_it_unless_named() {
        let none = policy(&[]);
        assert!(
            none.to_str().unwrap().ends_with("frame-ancestors 'none'"),
            "{none:?}"
        );
        let origins = ["https://a.example", "https://b.example"].map(str::to_owned);
        let two = policy(&origins);
        assert!(
            two.to_str()
                .unwrap()
                .ends_with("frame-ancestors https://a.example https://b.example"),
            "{two:?}"
        );
    }
}
