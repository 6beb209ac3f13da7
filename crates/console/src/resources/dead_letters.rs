//! Dead letters: what could not be processed, kept for a person.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id;
use serde::Serialize;
use service::problem::Problem;
use store::dead_letters::{DeadLetter, DeadLetterFilter};
use utoipa::ToSchema;

use super::text::{self, Foreign};
use crate::access::{Manage, Named, Platform, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::problem;

/// A dead letter, its body apart.
#[derive(Serialize, ToSchema)]
pub(crate) struct Letter {
    id: String,
    /// `delivery`, `poison` or `rejected`.
    kind: &'static str,
    /// In one word, such as `exhausted` or `undecodable`.
    reason: String,
    /// The same for a person.
    detail: String,
    /// The queue that it came from.
    origin: String,
    tenant: Option<String>,
    event: Option<String>,
    delivery: Option<String>,
    endpoint: Option<String>,
    created_at: String,
    /// What was done about it, if anything was.
    resolution: Option<String>,
}

/// A dead letter with the bytes of its message.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithBody {
    #[serde(flatten)]
    letter: Letter,
    content_type: Option<String>,
    message_type: Option<String>,
    body: Foreign,
}

impl From<DeadLetter> for Letter {
    fn from(found: DeadLetter) -> Self {
        let letter = found.letter;
        Self {
            id: letter.id.to_string(),
            kind: letter.kind.as_str(),
            reason: letter.reason,
            detail: letter.detail,
            origin: letter.origin,
            tenant: letter.tenant.map(|id| id.to_string()),
            event: letter.event.map(|id| id.to_string()),
            delivery: letter.delivery.map(|id| id.to_string()),
            endpoint: letter.endpoint.map(|id| id.to_string()),
            created_at: text::instant(found.created_at),
            resolution: found.resolved.map(|resolved| resolved.resolution),
        }
    }
}

/// List the dead letters that nobody has dealt with, the newest first
#[utoipa::path(get, path = "/v1/dead-letters", tag = "dead letters",
    params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Letter>)))]
pub(crate) async fn list(
    _: Platform<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Letter>, Problem> {
    let page = api
        .store
        .dead_letters(DeadLetterFilter::Open, paging.request)
        .await;
    Ok(paging.listed(
        page.map_err(|error| problem::of_store(&error))?,
        Letter::from,
    ))
}

/// Get a dead letter with the bytes of its message
#[utoipa::path(get, path = "/v1/dead-letters/{letter}", tag = "dead letters",
    params(("letter" = String, Path)), responses((status = 200, body = WithBody), (status = 404)))]
pub(crate) async fn get(
    _: Platform<Read>,
    State(api): State<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Result<Json<WithBody>, Problem> {
    let found = api.store.dead_letter(letter).await;
    let found = found.map_err(|error| problem::of_store(&error))?;
    Ok(Json(WithBody {
        content_type: found.letter.content_type.clone(),
        message_type: found.letter.message_kind.clone(),
        body: Foreign::of(&found.letter.body),
        letter: found.into(),
    }))
}

/// Discard a dead letter: it is kept, and no longer listed
#[utoipa::path(delete, path = "/v1/dead-letters/{letter}", tag = "dead letters",
    params(("letter" = String, Path)), responses((status = 204), (status = 404)))]
pub(crate) async fn discard(
    _: Platform<Manage>,
    State(api): State<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Result<StatusCode, Problem> {
    let discarded = api.store.resolve_dead_letter(letter, "discarded").await;
    discarded.map_err(|error| problem::of_store(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
