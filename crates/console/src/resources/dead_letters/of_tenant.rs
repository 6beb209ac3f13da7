//! A tenant's own dead letters: deliveries that were given up.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id;
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use store::dead_letters::{Resolution, Viewer};

use super::again::{self, Replayed};
use super::many::{self, Many};
use super::search::{Fault, OfTenant, WholeOfTenant};
use super::view::{Letter, WithBody};
use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::body::Body;
use crate::page::{Listed, Paging};
use crate::problem;
use crate::query::Query;
use crate::resources::audit;

/// Search a tenant's dead deliveries, the newest first: those that nobody has dealt with, or all
///
/// A page may be short, or empty, while there are more: then it names the next one.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/dead-letters", tag = "dead letters",
    params(("tenant" = String, Path), ("reason" = Option<String>, Query, description = "exhausted or gone"),
        ("endpoint" = Option<String>, Query), ("event" = Option<String>, Query, description = "an event type"),
        ("since" = Option<String>, Query), ("until" = Option<String>, Query),
        ("state" = Option<String>, Query, description = "open, or all"),
        ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Letter>), (status = 400)))]
pub(crate) async fn list(
    at: InTenant<Read>,
    State(api): State<Api>,
    Query(filter): Query<OfTenant>,
    paging: Paging,
) -> Result<Listed<Letter>, Problem> {
    let search = filter.for_tenant(at.tenant).map_err(Fault::in_query)?;
    let page = api.store.dead_letters(&search, paging.request).await;
    Ok(paging.listed(
        page.map_err(|error| problem::of_store(&error))?,
        Letter::from,
    ))
}

/// Get a dead delivery with the bytes of its message
#[utoipa::path(get, path = "/v1/tenants/{tenant}/dead-letters/{letter}", tag = "dead letters",
    params(("tenant" = String, Path), ("letter" = String, Path)),
    responses((status = 200, body = WithBody), (status = 404)))]
pub(crate) async fn get(
    at: InTenant<Read>,
    State(api): State<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Result<Json<WithBody>, Problem> {
    let viewer = Viewer::Tenant(at.tenant);
    let found = api.store.dead_letter(viewer, letter).await;
    Ok(Json(
        found.map_err(|error| problem::of_store(&error))?.into(),
    ))
}

/// Replay a dead delivery: a new delivery of the same event to the same endpoint
#[utoipa::path(post, path = "/v1/tenants/{tenant}/dead-letters/{letter}/replay", tag = "dead letters",
    params(("tenant" = String, Path), ("letter" = String, Path)),
    responses((status = 202, body = Replayed), (status = 404),
        (status = 409, description = "somebody has dealt with it, or its event is no longer on record"), (status = 503)))]
pub(crate) async fn replay(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    let viewer = Viewer::Tenant(at.tenant);
    let found = api.store.dead_letter(viewer, letter).await;
    let found = found.map_err(|error| problem::of_store(&error))?;
    again::replay(&api, at.by, found, None).await
}

/// Discard a dead delivery: it is kept, and no longer open
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/dead-letters/{letter}", tag = "dead letters",
    params(("tenant" = String, Path), ("letter" = String, Path)),
    responses((status = 204), (status = 404), (status = 409, description = "somebody has dealt with it")))]
pub(crate) async fn discard(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(letter): Named<id::DeadLetter>,
) -> Result<StatusCode, Problem> {
    let action = Action::DeadLetterDiscarded;
    let deed = audit::deed(at.by, Some(at.tenant), action, letter, &json!({}));
    let (store, viewer) = (&api.store, Viewer::Tenant(at.tenant));
    let discarded = store
        .resolve_dead_letter(viewer, letter, Resolution::Discarded, &deed)
        .await;
    discarded.map_err(|error| problem::of_store(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Discard many dead deliveries, as many as a few seconds allow; or count them, by a dry run
#[utoipa::path(post, path = "/v1/tenants/{tenant}/dead-letters/discard", tag = "dead letters",
    params(("tenant" = String, Path)), request_body = WholeOfTenant,
    responses((status = 200, body = Many), (status = 422)))]
pub(crate) async fn discard_many(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Body(whole): Body<WholeOfTenant>,
) -> Result<Json<Many>, Problem> {
    let is_dry = whole.dry_run;
    let search = whole.filter().for_tenant(at.tenant);
    let search = search.map_err(Fault::in_body)?;
    if is_dry {
        return many::count(&api, &search).await.map(Json);
    }
    let tenant = Some(at.tenant);
    many::discard(&api, at.by, tenant, &search).await.map(Json)
}
