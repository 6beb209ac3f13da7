//! Dead letters: what nothing more is done for unless somebody asks. The platform sees all of them,
//! a tenant its own deliveries.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id;
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use store::dead_letters::{DeadLetterKind, Resolution, Viewer};

use super::audit;
use crate::access::{Manage, Named, Platform, Read};
use crate::api::Api;
use crate::body::Body;
use crate::page::{Listed, Paging};
use crate::problem;
use crate::query::Query;

mod again;
mod many;
pub(crate) mod of_tenant;
mod search;
mod view;

pub(crate) use again::{Corrected, Replayed};
pub(crate) use many::Many;
pub(crate) use search::{Filter, OfTenant, Whole, WholeOfTenant};
pub(crate) use view::{Letter, WithBody};

/// Search dead letters, the newest first: those that nobody has dealt with, or all
///
/// A page may be short, or empty, while there are more: then it names the next one.
#[utoipa::path(get, path = "/v1/dead-letters", tag = "dead letters",
    params(("kind" = Option<String>, Query, description = "delivery, poison or rejected"),
        ("reason" = Option<String>, Query), ("tenant" = Option<String>, Query, description = "ten_…"),
        ("endpoint" = Option<String>, Query), ("event" = Option<String>, Query, description = "an event type"),
        ("since" = Option<String>, Query), ("until" = Option<String>, Query),
        ("state" = Option<String>, Query, description = "open, or all"),
        ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Letter>), (status = 400)))]
pub(crate) async fn list(
    _: Platform<Read>,
    State(api): State<Api>,
    Query(filter): Query<Filter>,
    paging: Paging,
) -> Result<Listed<Letter>, Problem> {
    let search = filter.for_platform().map_err(search::Fault::in_query)?;
    let page = api.store.dead_letters(&search, paging.request).await;
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
    let found = api.store.dead_letter(Viewer::Platform, letter).await;
    Ok(Json(
        found.map_err(|error| problem::of_store(&error))?.into(),
    ))
}

/// Discard a dead letter: it is kept, and no longer open
#[utoipa::path(delete, path = "/v1/dead-letters/{letter}", tag = "dead letters",
    params(("letter" = String, Path)),
    responses((status = 204), (status = 404), (status = 409, description = "somebody has dealt with it")))]
pub(crate) async fn discard(
    by: Platform<Manage>,
    State(api): State<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Result<StatusCode, Problem> {
    let action = Action::DeadLetterDiscarded;
    let deed = audit::deed(by.by, None, action, letter, &json!({}));
    let (store, viewer) = (&api.store, Viewer::Platform);
    let discarded = store
        .resolve_dead_letter(viewer, letter, Resolution::Discarded, &deed)
        .await;
    discarded.map_err(|error| problem::of_store(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replay a dead letter: a delivery as a new one, any other message where it came from
///
/// A rejected message may be corrected: its body is replaced.
#[utoipa::path(post, path = "/v1/dead-letters/{letter}/replay", tag = "dead letters",
    params(("letter" = String, Path)), request_body = Corrected,
    responses((status = 202, body = Replayed), (status = 404),
        (status = 409, description = "somebody has dealt with it, or it can't be replayed"), (status = 422), (status = 503)))]
pub(crate) async fn replay(
    by: Platform<Manage>,
    State(api): State<Api>,
    Named(letter): Named<id::DeadLetter>,
    Body(corrected): Body<Corrected>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    let found = api.store.dead_letter(Viewer::Platform, letter).await;
    let found = found.map_err(|error| problem::of_store(&error))?;
    let correction = corrected.judged(&found)?;
    again::replay(&api, by.by, found, correction).await
}

/// Replay many poison or rejected messages, as many as a few seconds allow; or count them, by a
/// dry run
#[utoipa::path(post, path = "/v1/dead-letters/replay", tag = "dead letters", request_body = Whole,
    responses((status = 200, body = Many), (status = 422, description = "such as deliveries: these are replayed by a replay of their tenant")))]
pub(crate) async fn replay_many(
    by: Platform<Manage>,
    State(api): State<Api>,
    Body(whole): Body<Whole>,
) -> Result<Json<Many>, Problem> {
    let is_dry = whole.dry_run;
    let search = whole
        .filter()
        .for_platform()
        .map_err(search::Fault::in_body)?;
    match search.kind {
        Some(DeadLetterKind::Poison | DeadLetterKind::Rejected) => {}
        Some(DeadLetterKind::Delivery) | None => {
            let detail = "poison or rejected; deliveries are replayed by a replay of their tenant";
            return Err(problem::invalid("#/kind", detail));
        }
    }
    if is_dry {
        return many::count(&api, &search).await.map(Json);
    }
    many::replay(&api, by.by, &search).await.map(Json)
}

/// Discard many dead letters, as many as a few seconds allow; or count them, by a dry run
#[utoipa::path(post, path = "/v1/dead-letters/discard", tag = "dead letters", request_body = Whole,
    responses((status = 200, body = Many), (status = 422)))]
pub(crate) async fn discard_many(
    by: Platform<Manage>,
    State(api): State<Api>,
    Body(whole): Body<Whole>,
) -> Result<Json<Many>, Problem> {
    let is_dry = whole.dry_run;
    let search = whole
        .filter()
        .for_platform()
        .map_err(search::Fault::in_body)?;
    if is_dry {
        return many::count(&api, &search).await.map(Json);
    }
    many::discard(&api, by.by, None, &search).await.map(Json)
}
