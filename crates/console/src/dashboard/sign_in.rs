//! How a session begins and ends: by a link, or by an API key.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use domain::id::TenantId;
use domain::limits;
use serde_json::json;
use service::problem::Problem;
use store::api_keys::Reach;
use store::audit::{Action, Actor};
use store::directory::Access;
use store::sessions::Opened;
use store::{StoreError, Token};
use time::OffsetDateTime;

use super::brand::Brand;
use super::fields::Fields;
use super::frame::{Frame, Shown, show};
use super::settings::Transport;
use super::throttle::{RETRY_AFTER_S, Turn};
use crate::access::{Seat, of_key};
use crate::api::Api;
use crate::problem;
use crate::resources::audit;

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignIn {
    frame: Frame,
    /// What is wrong with the key that was given.
    fault: Option<&'static str>,
}

impl SignIn {
    async fn new(api: &Api, fault: Option<&'static str>) -> Result<Self, Problem> {
        let frame = Frame {
            brand: Some(Brand::of(api).await?),
            ..Frame::bare("Sign in")
        };
        Ok(Self { frame, fault })
    }
}

/// Lets a request through that has a session, and gives it a seat.
pub(super) async fn ask(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    match session(&api, request.headers()).await {
        Ok(Some(access)) => {
            request.extensions_mut().insert(Seat(Arc::new(access)));
            next.run(request).await
        }
        Ok(None) if request.method().is_safe() => Redirect::to("/login").into_response(),
        Ok(None) => {
            let detail = "your session has ended, and nothing was changed: sign in again, or open \
                          the dashboard from where you came";
            let status = StatusCode::UNAUTHORIZED;
            Problem::new(status, "unauthorized", "Signed out", detail).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

/// What the session of the request's cookie allows, if there is one.
async fn session(api: &Api, headers: &HeaderMap) -> Result<Option<Access>, Problem> {
    let Some(presented) = presented(headers, name(api.dashboard.transport())) else {
        return Ok(None);
    };
    let found = api
        .store
        .session(presented, OffsetDateTime::now_utc())
        .await;
    found.map_err(|error| problem::of_store(&error))
}

fn presented<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
    named.find_map(|(own, value)| (own == name).then_some(value))
}

/// Browsers keep a `__Host-` cookie from other hosts of the domain. Source: RFC 6265bis.
const fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Https => "__Host-posthaste",
        Transport::Http => "posthaste",
    }
}

fn cookie(transport: Transport, value: &str, lasts: Duration) -> String {
    let secure = match transport {
        Transport::Https => "; Secure",
        Transport::Http => "",
    };
    let (name, seconds) = (name(transport), lasts.as_secs());
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// The first page of whoever reaches this.
fn home(reach: Reach) -> String {
    match reach {
        Reach::Platform => "/overview".to_owned(),
        Reach::Tenant(tenant) => webhooks(tenant),
    }
}

fn webhooks(tenant: TenantId) -> String {
    format!("/tenants/{tenant}/webhooks")
}

/// To the first page of whoever has a session, else to where one begins.
pub(super) async fn entrance(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Redirect, Problem> {
    let session = session(&api, &headers).await?;
    let to = session.map_or_else(|| "/login".to_owned(), |access| home(access.reach));
    Ok(Redirect::to(&to))
}

/// The page that asks for a key.
pub(super) async fn page(State(api): State<Api>) -> Shown {
    Ok(show(StatusCode::OK, &SignIn::new(&api, None).await?))
}

/// Begins a session that reaches and allows what the key does.
pub(super) async fn by_key(State(api): State<Api>, fields: Fields) -> Shown {
    if !api.access.is_loaded() {
        let detail = "the keys are not loaded yet: try again";
        return Err(problem::unavailable(detail));
    }
    let Some(access) = of_key(fields.one("key"), &api).await else {
        return wrong_key(&api).await;
    };
    let lasts = limits::KEY_SESSION;
    let expires_at = OffsetDateTime::now_utc() + lasts;
    match api.store.open_session(access.by.key, expires_at).await {
        Ok(opened) => Ok(begin(&api, opened, lasts, &home(access.reach)).await),
        // It was revoked in this moment.
        Err(StoreError::NotFound) => wrong_key(&api).await,
        Err(error) => Err(problem::of_store(&error)),
    }
}

async fn wrong_key(api: &Api) -> Shown {
    match api.dashboard.wrong_keys.wait().await {
        Turn::Now => {
            let fault = "This key is not known, or was revoked. Paste all of it, from phk_ on.";
            let page = SignIn::new(api, Some(fault)).await?;
            Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Turn::Later => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let detail = "too many wrong keys are being tried: try again in a moment";
            let problem = Problem::new(status, "too-many", "Too many attempts", detail);
            Err(problem.retry_after_s(RETRY_AFTER_S))
        }
    }
}

/// Begins a session by a link, which is used up by it. What only looks whether the link leads
/// anywhere, or fetches it before anybody has followed it, must not use it up.
pub(super) async fn by_link(
    State(api): State<Api>,
    method: Method,
    headers: HeaderMap,
    Path(link): Path<String>,
) -> Shown {
    if method != Method::GET || headers.contains_key("sec-purpose") {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let (now, lasts) = (OffsetDateTime::now_utc(), limits::PORTAL_SESSION);
    let opened = api.store.open_portal_link(&link, now, now + lasts).await;
    match opened {
        Ok(opened) => {
            let to = opened.tenant.map_or_else(|| "/".to_owned(), webhooks);
            Ok(begin(&api, opened, lasts, &to).await)
        }
        Err(StoreError::NotFound) => {
            let detail = "a link works once and for a short time, and this one has been opened \
                          before or has expired: go back to where you got it, for a new one";
            let status = StatusCode::GONE;
            Err(Problem::new(
                status,
                "link-used",
                "This link no longer works",
                detail,
            ))
        }
        Err(error) => Err(problem::of_store(&error)),
    }
}

async fn begin(api: &Api, opened: Opened, lasts: Duration, to: &str) -> Response {
    let Opened {
        id,
        key,
        tenant,
        token,
    } = opened;
    let by = Actor {
        key,
        session: Some(id),
    };
    let way = tenant.map_or("key", |_| "link");
    let detail = json!({"by": way});
    let deed = audit::deed(by, tenant, Action::SessionOpened, id, &detail);
    audit::note(api, deed).await;
    let transport = api.dashboard.transport();
    let cookie = cookie(transport, Token::expose(&token), lasts);
    ([(header::SET_COOKIE, cookie)], Redirect::to(to)).into_response()
}

/// Ends the session.
pub(super) async fn out(State(api): State<Api>, headers: HeaderMap) -> Shown {
    let access = session(&api, &headers).await?;
    if let Some(session) = access.and_then(|access| access.by.session) {
        let ended = api.store.end_session(session).await;
        ended.map_err(|error| problem::of_store(&error))?;
    }
    let forgotten = cookie(api.dashboard.transport(), "", Duration::ZERO);
    Ok(([(header::SET_COOKIE, forgotten)], Redirect::to("/login")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_for_us_alone() {
        let secure = cookie(Transport::Https, "phs_a", Duration::from_secs(60));
        assert_eq!(
            secure,
            "__Host-posthaste=phs_a; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        let plain = cookie(Transport::Http, "phs_a", Duration::ZERO);
        assert_eq!(
            plain,
            "posthaste=phs_a; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn a_cookie_among_others() {
        let of = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::COOKIE, value.parse().unwrap())]);
            presented(&headers, "posthaste").map(str::to_owned)
        };
        assert_eq!(of("a=b; posthaste=phs_x; c=d").as_deref(), Some("phs_x"));
        for value in ["", "posthaste", "xposthaste=a", "__Host-posthaste=a"] {
            assert_eq!(of(value), None, "{value}");
        }
    }
}
