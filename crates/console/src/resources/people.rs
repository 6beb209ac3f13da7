//! People who sign in by the identity provider.

use axum::extract::State;
use axum::http::StatusCode;
use domain::id;
use serde::Serialize;
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{audit, text};
use crate::access::{Manage, Named, Platform, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::problem;

/// Somebody whom the identity provider has vouched for, let in or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct Person {
    #[schema(example = "per_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) id: String,
    /// What the provider called them last: an email address, where it told a verified one.
    #[schema(example = "ann@example.com")]
    pub(crate) name: String,
    /// The provider.
    #[schema(example = "https://id.example.com")]
    pub(crate) issuer: String,
    /// Who it is there, for good.
    #[schema(example = "248289761001")]
    pub(crate) subject: String,
    pub(crate) first_seen_at: String,
    pub(crate) last_seen_at: String,
    /// How many sessions they have open.
    pub(crate) sessions: u64,
}

impl From<store::people::Person> for Person {
    fn from(person: store::people::Person) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.identity.name,
            issuer: person.identity.issuer,
            subject: person.identity.subject,
            first_seen_at: text::instant(person.first_seen_at),
            last_seen_at: text::instant(person.last_seen_at),
            sessions: person.sessions,
        }
    }
}

/// List the people who came by the identity provider, who came last first
#[utoipa::path(get, path = "/v1/people", tag = "people",
    params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Person>)))]
pub(crate) async fn list(
    _: Platform<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Person>, Problem> {
    let page = api.store.people(OffsetDateTime::now_utc(), paging.request);
    let page = page.await.map_err(|error| problem::of_store(&error))?;
    Ok(paging.listed(page, Person::from))
}

/// End all sessions of a person
///
/// What they may do was settled when they signed in: this is for when it is to be less from now on.
/// They can sign in again, as what the identity provider and the rules then say.
#[utoipa::path(delete, path = "/v1/people/{person}/sessions", tag = "people",
    params(("person" = String, Path)), responses((status = 204), (status = 404)))]
pub(crate) async fn sign_out(
    by: Platform<Manage>,
    State(api): State<Api>,
    Named(person): Named<id::Person>,
) -> Result<StatusCode, Problem> {
    let ended = api.store.end_sessions_of(person).await;
    let ended = ended.map_err(|error| problem::of_store(&error))?;
    let (action, detail) = (Action::PersonSignedOut, json!({"sessions": ended}));
    audit::note(&api, audit::deed(by.by, None, action, person, &detail)).await;
    Ok(StatusCode::NO_CONTENT)
}
