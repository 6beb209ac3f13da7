//! How a session begins by the identity provider: the browser goes there, and comes back with a
//! code.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use domain::limits;
use serde::Deserialize;
use serde_json::json;
use service::problem::Problem;
use store::StoreError;
use store::api_keys::Reach;
use store::audit::{Action, Actor, Who};
use store::people::Identity;
use time::OffsetDateTime;

use super::cookies::Way;
use super::frame::Shown;
use super::sign_in::{self, home};
use crate::access::known;
use crate::api::Api;
use crate::oidc::{Attempt, LASTS, OidcError, Provider, Role, Rule, Vouched};
use crate::problem;
use crate::query::Query;
use crate::resources::audit;

/// How soon somebody may try again while the provider is away, in seconds.
const RETRY_AFTER_S: u32 = 10;

/// Sends the browser to the identity provider.
pub(super) async fn begin(State(api): State<Api>) -> Shown {
    let provider = provider(&api)?;
    let begun = provider.begin(&api.dashboard.public_url).await;
    let begun = begun.map_err(|error| told(&error))?;
    let cookies = api.dashboard.cookies;
    let cookie = cookies.begun(&begun.attempt.text(), LASTS);
    let to = Redirect::to(begun.to.as_str());
    Ok(([(header::SET_COOKIE, cookie)], to).into_response())
}

/// What the identity provider sends a browser back with. Source: RFC 6749, section 4.1.2; RFC 9207.
#[derive(Deserialize)]
pub(super) struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Begins the session of whoever the identity provider vouches for.
pub(super) async fn finish(
    State(api): State<Api>,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Response {
    let mut response = match finished(&api, &headers, answer).await {
        Ok(response) => response,
        Err(problem) => match sign_in::slowed(&api).await {
            Ok(()) => problem.into_response(),
            Err(later) => later.into_response(),
        },
    };
    // An answer is good for one attempt, and an attempt for one answer.
    let forgotten = api.dashboard.cookies.begun("", std::time::Duration::ZERO);
    if let Ok(forgotten) = HeaderValue::try_from(forgotten) {
        response.headers_mut().append(header::SET_COOKIE, forgotten);
    }
    response
}

async fn finished(api: &Api, headers: &HeaderMap, answer: Answer) -> Shown {
    let provider = provider(api)?;
    let state = answer.state.unwrap_or_default();
    let attempt = api.dashboard.cookies.attempt(headers);
    let attempt = attempt.and_then(|text| Attempt::of(text, &state));
    let attempt = attempt.ok_or_else(not_begun_here)?;
    if answer.iss.is_some_and(|iss| !provider.is_issuer(&iss)) {
        return Err(untrue());
    }
    let code = match (answer.code, answer.error) {
        (Some(code), None) => code,
        (_, error) => return Err(turned_away(error.as_deref())),
    };
    let vouched = provider.finish(&api.dashboard.public_url, attempt, code);
    let vouched = vouched.await.map_err(|error| told(&error))?;
    let identity = Identity {
        name: vouched.name(),
        issuer: vouched.issuer.clone(),
        subject: vouched.subject.clone(),
    };
    let person = api.store.meet(&identity).await;
    let person = person.map_err(|error| problem::of_store(&error))?;
    let Some((rule, reach)) = reach(api, &provider.rules, &vouched).await else {
        let by = Actor {
            who: Who::Person(person),
            session: None,
        };
        let deed = audit::deed(by, None, Action::SignInRefused, person, &json!({}));
        audit::note(api, deed).await;
        return Err(no_role(&identity.name));
    };
    let lasts = limits::SESSION;
    let expires_at = OffsetDateTime::now_utc() + lasts;
    let opened = api
        .store
        .open_person_session(person, reach, &Role::SCOPES, expires_at)
        .await;
    match opened {
        Ok(opened) => {
            let begun = sign_in::Begun {
                opened,
                way: Way::SignIn,
                lasts,
                how: json!({"by": "oidc", "rule": rule.to_string()}),
            };
            Ok(sign_in::begin(api, headers, begun, &home(reach)).await)
        }
        // Its tenant was deleted in this moment.
        Err(StoreError::NotFound) => Err(no_role(&identity.name)),
        Err(error) => Err(problem::of_store(&error)),
    }
}

fn provider(api: &Api) -> Result<&Provider, Problem> {
    let provider = api.dashboard.provider.as_ref();
    provider.ok_or_else(problem::not_found)
}

/// The rule that lets somebody in, and how far; none where no rule fits, or the tenant that it
/// names is not there.
async fn reach<'a>(api: &Api, rules: &'a [Rule], vouched: &Vouched) -> Option<(&'a Rule, Reach)> {
    let rule = Rule::first(rules, vouched)?;
    match &rule.role {
        Role::Operator => Some((rule, Reach::Platform)),
        Role::Developer(named) => match known(named, api).await {
            Some(tenant) => Some((rule, Reach::Tenant(tenant))),
            None => {
                tracing::warn!(%rule, "a rule names a tenant that is not there");
                None
            }
        },
    }
}

fn refused(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(status, kind, "Not signed in", detail)
}

fn not_begun_here() -> Problem {
    let detail = "this sign-in was not begun in this browser, or more than ten minutes ago: go to \
                  the sign-in page and begin again";
    refused(StatusCode::BAD_REQUEST, "not-begun", detail)
}

fn no_role(name: &str) -> Problem {
    let detail = format!(
        "{name} is known to the identity provider, and may do nothing here: ask whoever runs this \
         dashboard for a role"
    );
    refused(StatusCode::FORBIDDEN, "no-role", detail)
}

/// What it says when it sends somebody back without a code. It is shown by its name alone, since
/// anybody can write a link with a text.
fn turned_away(error: Option<&str>) -> Problem {
    let is_name = |text: &&str| {
        let is_of_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        text.len() <= 64 && text.bytes().all(is_of_name)
    };
    let name = error.filter(is_name).unwrap_or("no reason");
    let detail = format!("the identity provider did not sign you in ({name}): begin again");
    refused(StatusCode::FORBIDDEN, "turned-away", detail)
}

fn untrue() -> Problem {
    let detail = "what the identity provider says does not hold, and is not believed: begin again; \
                  the console's log says more";
    refused(StatusCode::FORBIDDEN, "not-believed", detail)
}

/// What went wrong with the provider, for the log and for whoever wanted in.
fn told(error: &OidcError) -> Problem {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "nobody is signed in by the identity provider"
    );
    let away = "the identity provider can't be asked now: try again in a moment, or sign in with an \
                API key";
    match error {
        OidcError::Away(_) | OidcError::NotNow => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            refused(status, "provider-away", away).retry_after_s(RETRY_AFTER_S)
        }
        OidcError::Refused(_) => turned_away(None),
        OidcError::Untrue(_) => untrue(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_by_its_name_alone() {
        let told = |error| turned_away(error).detail().to_owned();
        assert!(told(Some("access_denied")).contains("(access_denied)"));
        for text in ["Call 555-0100 now", "<b>", "", &"a".repeat(65)] {
            let told = told(Some(text));
            assert!(text.is_empty() || !told.contains(text), "{told}");
        }
    }
}
