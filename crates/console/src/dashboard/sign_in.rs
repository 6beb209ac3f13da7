//! How a session begins and ends: by a link, or by an API key. By the identity provider it begins
//! in `by_provider`.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use domain::id::TenantId;
use domain::limits;
use serde_json::{Value, json};
use service::problem::Problem;
use store::StoreError;
use store::api_keys::Reach;
use store::audit::{Action, Actor};
use store::directory::Access;
use store::sessions::Opened;
use time::OffsetDateTime;

use super::brand::Brand;
use super::cookies::Way;
use super::fields::Fields;
use super::frame::{Frame, Shown, show};
use super::throttle::{RETRY_AFTER_S, Turn};
use crate::access::{Seat, of_key};
use crate::api::Api;
use crate::problem;
use crate::resources::audit;

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignIn {
    frame: Frame,
    /// What the identity provider is called, where there is one.
    provider: Option<String>,
    /// What is wrong with the key that was given.
    fault: Option<&'static str>,
}

impl SignIn {
    async fn new(api: &Api, fault: Option<&'static str>) -> Result<Self, Problem> {
        let frame = Frame {
            brand: Some(Brand::of(api).await?),
            ..Frame::bare("Sign in")
        };
        let provider = api.dashboard.provider.as_ref();
        Ok(Self {
            frame,
            provider: provider.map(|provider| provider.name.clone()),
            fault,
        })
    }
}

/// Lets a request through that has a session, and gives it a seat.
pub(super) async fn ask(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    match session(&api, request.headers()).await {
        Ok(Some((_, access))) => {
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

/// What the session of the request's cookie allows, if there is one, and the way it was opened.
async fn session(api: &Api, headers: &HeaderMap) -> Result<Option<(Way, Access)>, Problem> {
    for (way, presented) in api.dashboard.cookies.presented(headers) {
        let now = OffsetDateTime::now_utc();
        let found = api.store.session(presented, now).await;
        if let Some(access) = found.map_err(|error| problem::of_store(&error))? {
            return Ok(Some((way, access)));
        }
    }
    Ok(None)
}

/// The first page of whoever reaches this.
pub(super) fn home(reach: Reach) -> String {
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
    let to = session.map_or_else(|| "/login".to_owned(), |(_, access)| home(access.reach));
    Ok(Redirect::to(&to))
}

/// What a frame shows once its session has ended: nobody signs in with a key there.
#[derive(Template)]
#[template(path = "ended.html")]
struct Ended {
    frame: Frame,
}

/// The page that asks for a key.
pub(super) async fn page(State(api): State<Api>, headers: HeaderMap) -> Shown {
    let page = SignIn::new(&api, None).await?;
    // The browser's word. Source: Fetch Metadata Request Headers.
    if headers
        .get("sec-fetch-dest")
        .is_some_and(|to| to == "iframe")
    {
        let frame = Frame {
            title: "Signed out".to_owned(),
            ..page.frame
        };
        return Ok(show(StatusCode::OK, &Ended { frame }));
    }
    Ok(show(StatusCode::OK, &page))
}

/// Begins a session that reaches and allows what the key does.
pub(super) async fn by_key(State(api): State<Api>, headers: HeaderMap, fields: Fields) -> Shown {
    if !api.access.is_loaded() {
        let detail = "the keys are not loaded yet: try again";
        return Err(problem::unavailable(detail));
    }
    let access = of_key(fields.one("key"), &api).await;
    let key = access.and_then(|access| Some((access.by.who.key()?, access.reach)));
    let Some((key, reach)) = key else {
        return wrong_key(&api).await;
    };
    let lasts = limits::SESSION;
    let expires_at = OffsetDateTime::now_utc() + lasts;
    match api.store.open_session(key, expires_at).await {
        Ok(opened) => {
            let how = json!({"by": "key"});
            let way = Way::SignIn;
            let begun = Begun {
                opened,
                way,
                lasts,
                how,
            };
            Ok(begin(&api, &headers, begun, &home(reach)).await)
        }
        // It was revoked in this moment.
        Err(StoreError::NotFound) => wrong_key(&api).await,
        Err(error) => Err(problem::of_store(&error)),
    }
}

async fn wrong_key(api: &Api) -> Shown {
    slowed(api).await?;
    let fault = "This key is not known, or was revoked. Paste all of it, from phk_ on.";
    let page = SignIn::new(api, Some(fault)).await?;
    Ok(show(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// Makes who is refused wait for the answer; further ones are told to come later.
pub(super) async fn slowed(api: &Api) -> Result<(), Problem> {
    match api.dashboard.refused.wait().await {
        Turn::Now => Ok(()),
        Turn::Later => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let detail = "too many are being refused: try again in a moment";
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
            let how = json!({"by": "link"});
            let way = Way::Link;
            let begun = Begun {
                opened,
                way,
                lasts,
                how,
            };
            Ok(begin(&api, &headers, begun, &to).await)
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

/// A session that is to begin.
pub(super) struct Begun {
    pub(super) opened: Opened,
    pub(super) way: Way,
    pub(super) lasts: Duration,
    /// How it came to be, for the audit.
    pub(super) how: Value,
}

/// Begins a session. What the browser had in its place ends, so that nothing it was given before
/// is good for anything.
pub(super) async fn begin(api: &Api, headers: &HeaderMap, begun: Begun, to: &str) -> Response {
    let Begun {
        opened,
        way,
        lasts,
        how,
    } = begun;
    let by = Actor {
        who: opened.who,
        session: Some(opened.id),
    };
    let action = Action::SessionOpened;
    let deed = audit::deed(by, opened.tenant, action, opened.id, &how);
    audit::note(api, deed).await;
    let cookies = api.dashboard.cookies;
    for left in cookies.left_by(way, headers) {
        // It is good for its hours at most.
        if let Err(error) = api.store.end_presented_session(left).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a session that was left goes on");
        }
    }
    let mut set = Vec::from_iter(cookies.ended_by(way));
    set.push(cookies.kept(way, opened.token.expose(), lasts));
    let set = set.into_iter().map(|cookie| (header::SET_COOKIE, cookie));
    (AppendHeaders(set), Redirect::to(to)).into_response()
}

/// Ends the session.
pub(super) async fn out(State(api): State<Api>, headers: HeaderMap) -> Shown {
    let found = session(&api, &headers).await?;
    let way = found.as_ref().map_or(Way::SignIn, |(way, _)| *way);
    if let Some(session) = found.and_then(|(_, access)| access.by.session) {
        let ended = api.store.end_session(session).await;
        ended.map_err(|error| problem::of_store(&error))?;
    }
    let forgotten = api.dashboard.cookies.forgotten(way);
    Ok(([(header::SET_COOKIE, forgotten)], Redirect::to("/login")).into_response())
}
