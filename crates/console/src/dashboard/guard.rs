//! What every request from a browser is held to, and every answer tells it.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use service::problem::Problem;
use url::Url;

use crate::api::Api;

/// Says what pages may load and who may frame them, that types are as they are told, and that
/// nothing is kept and no address of ours handed on.
pub(super) async fn headers(State(api): State<Api>, request: Request, next: Next) -> Response {
    guarded(&api, next.run(request).await)
}

/// An answer that says so.
pub(super) fn guarded(api: &Api, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        api.dashboard.policy.clone(),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    // Whatever cookie comes along: no page of another origin loads anything of ours into its own.
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    let kept = headers.entry(header::CACHE_CONTROL);
    kept.or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses what would change something and was not sent from a page of ours.
pub(super) async fn origin(State(api): State<Api>, request: Request, next: Next) -> Response {
    let looks = request.method().is_safe();
    if looks || is_ours(request.headers(), &api.dashboard.public_url) {
        return next.run(request).await;
    }
    let detail = "it was not sent from a page of this dashboard: open the page and send it from \
                  there, over https or on this machine";
    let title = "Not sent from here";
    Problem::new(StatusCode::FORBIDDEN, "foreign-origin", title, detail).into_response()
}

/// Whether a browser says that the request comes from our own origin. `Sec-Fetch-Site` is the
/// browser's word and no page can write it; browsers before 2023 have `Origin` alone. Source: Fetch
/// Metadata Request Headers.
fn is_ours(headers: &HeaderMap, public_url: &Url) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => headers
            .get(header::ORIGIN)
            .is_some_and(|origin| origin == &*public_url.origin().ascii_serialization()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[("sec-fetch-site", "same-origin")], true)]
    #[case(&[("origin", "https://hooks.example.com")], true)]
    #[case(&[], false)]
    #[case(&[("sec-fetch-site", "same-site")], false)]
    #[case(&[("sec-fetch-site", "cross-site")], false)]
    #[case(&[("sec-fetch-site", "none")], false)]
    #[case(&[("origin", "null")], false)]
    #[case(&[("origin", "https://example.com")], false)]
    #[case(&[("sec-fetch-site", "cross-site"), ("origin", "https://hooks.example.com")], false)]
    fn our_own_pages(#[case] given: &[(&'static str, &'static str)], #[case] ours: bool) {
        let headers = given.iter().map(|(name, value)| {
            let (name, value) = (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
            (name, value)
        });
        let url: Url = "https://hooks.example.com/".parse().unwrap();
        assert_eq!(is_ours(&headers.collect(), &url), ours);
    }
}
