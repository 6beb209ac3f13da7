//! Replays of many deliveries: made, looked at, paused, resumed, cancelled, sped up.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::id::{self, ReplayId};
use domain::replay::Switch;
use serde::Deserialize;
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use store::replays::NewReplay;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::audit;
use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::body::{Body, Created};
use crate::page::{Listed, Paging};
use crate::problem;
use crate::replay::{Count, Selection};

mod selector;
mod view;

use selector::rate;
pub(crate) use selector::{AskedFailed, Everything, Missed, ToCreate};
pub(crate) use view::{ByState, DryRun, Replay, WithOutcomes};

/// What is changed of a replay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplayChanges)]
pub(crate) struct Changes {
    /// Deliveries a second, 1 to 5,000.
    pub(crate) rate: Option<u16>,
}

/// What came of asking for a replay.
pub(crate) enum Asked {
    /// It was counted, and nothing made.
    Counted(DryRun),
    Made(Created<Replay>),
}

impl IntoResponse for Asked {
    fn into_response(self) -> Response {
        match self {
            Self::Counted(run) => (StatusCode::OK, Json(run)).into_response(),
            Self::Made(created) => created.into_response(),
        }
    }
}

/// List a tenant's replays, the newest first
#[utoipa::path(get, path = "/v1/tenants/{tenant}/replays", tag = "replays",
    params(("tenant" = String, Path), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Replay>)))]
pub(crate) async fn list(
    at: InTenant<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Replay>, Problem> {
    let page = api.store.replays(at.tenant, paging.request).await;
    Ok(paging.listed(
        page.map_err(|error| problem::of_store(&error))?,
        Replay::from,
    ))
}

/// Deliver many again, at a rate; or count them, by a dry run
///
/// Each is a new delivery that names the one it repeats, on the retry lane, so that live traffic
/// keeps its latency. Receivers see the same `webhook-id`.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/replays", tag = "replays",
    params(("tenant" = String, Path)), request_body = ToCreate,
    responses((status = 201, body = Replay), (status = 200, body = DryRun, description = "a dry run"),
        (status = 404, description = "no such endpoint"), (status = 409, description = "20 replays are open"), (status = 422)))]
pub(crate) async fn create(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Body(new): Body<ToCreate>,
) -> Result<Asked, Problem> {
    let of_store = |error| problem::of_store(&error);
    let rate = rate(new.rate)?;
    let is_dry = new.dry_run;
    let (selector, window) = new.judged(OffsetDateTime::now_utc())?;
    if let Some(endpoint) = selector::endpoint(&selector) {
        api.store
            .endpoint(at.tenant, endpoint)
            .await
            .map_err(of_store)?;
    }
    let mut replay = NewReplay {
        id: ReplayId::from_uuid(Uuid::now_v7()),
        tenant: at.tenant,
        selector,
        since: window.since,
        until: window.until,
        rate,
        expected: None,
    };
    let selection = Selection::of(&api.store, &replay);
    let count = selection.count(replay.since).await.map_err(of_store)?;
    if is_dry {
        return Ok(Asked::Counted(DryRun::new(count, rate)));
    }
    if let Count::All(count) = count {
        replay.expected = Some(count);
    }
    let detail = json!({"selector": view::selector(&replay), "rate": rate.per_second()});
    let action = Action::ReplayCreated;
    let deed = audit::deed(at.by, Some(at.tenant), action, replay.id, &detail);
    let made = api.store.create_replay(&replay, &deed).await;
    let made = made.map_err(of_store)?;
    let location = format!("/v1/tenants/{}/replays/{}", at.tenant, replay.id);
    let body = Replay::from(made);
    Ok(Asked::Made(Created { location, body }))
}

/// Get a replay, with what became of its deliveries so far
#[utoipa::path(get, path = "/v1/tenants/{tenant}/replays/{replay}", tag = "replays",
    params(("tenant" = String, Path), ("replay" = String, Path)),
    responses((status = 200, body = WithOutcomes), (status = 404)))]
pub(crate) async fn get(
    at: InTenant<Read>,
    State(api): State<Api>,
    Named(named): Named<id::Replay>,
) -> Result<Json<WithOutcomes>, Problem> {
    let of_store = |error| problem::of_store(&error);
    let replay = api.store.replay(at.tenant, named).await;
    let replay = replay.map_err(of_store)?;
    let outcomes = api.store.replay_outcomes(named).await.map_err(of_store)?;
    Ok(Json(WithOutcomes::new(replay, outcomes)))
}

/// Change the rate of a replay that has not ended
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/replays/{replay}", tag = "replays",
    params(("tenant" = String, Path), ("replay" = String, Path)), request_body = Changes,
    responses((status = 200, body = Replay), (status = 404), (status = 409, description = "it has ended"), (status = 422)))]
pub(crate) async fn change(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(named): Named<id::Replay>,
    Body(changes): Body<Changes>,
) -> Result<Json<Replay>, Problem> {
    let of_store = |error| problem::of_store(&error);
    if changes.rate.is_none() {
        let seen = api.store.replay(at.tenant, named).await;
        return Ok(Json(seen.map_err(of_store)?.into()));
    }
    let rate = rate(changes.rate)?;
    let action = Action::ReplayRateChanged;
    let detail = json!({"rate": rate.per_second()});
    let deed = audit::deed(at.by, Some(at.tenant), action, named, &detail);
    let changed = api
        .store
        .change_replay_rate(at.tenant, named, rate, &deed)
        .await;
    Ok(Json(changed.map_err(of_store)?.into()))
}

/// Pause a replay: what it has published goes on
#[utoipa::path(post, path = "/v1/tenants/{tenant}/replays/{replay}/pause", tag = "replays",
    params(("tenant" = String, Path), ("replay" = String, Path)),
    responses((status = 200, body = Replay), (status = 404), (status = 409, description = "it has ended")))]
pub(crate) async fn pause(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(named): Named<id::Replay>,
) -> Result<Json<Replay>, Problem> {
    switch(&api, &at, named, Switch::Pause).await
}

/// Resume a replay that was paused
#[utoipa::path(post, path = "/v1/tenants/{tenant}/replays/{replay}/resume", tag = "replays",
    params(("tenant" = String, Path), ("replay" = String, Path)),
    responses((status = 200, body = Replay), (status = 404), (status = 409, description = "it has ended")))]
pub(crate) async fn resume(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(named): Named<id::Replay>,
) -> Result<Json<Replay>, Problem> {
    switch(&api, &at, named, Switch::Resume).await
}

/// Cancel a replay: what it has published goes on, and nothing more is
#[utoipa::path(post, path = "/v1/tenants/{tenant}/replays/{replay}/cancel", tag = "replays",
    params(("tenant" = String, Path), ("replay" = String, Path)),
    responses((status = 200, body = Replay), (status = 404), (status = 409, description = "it has ended")))]
pub(crate) async fn cancel(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(named): Named<id::Replay>,
) -> Result<Json<Replay>, Problem> {
    switch(&api, &at, named, Switch::Cancel).await
}

async fn switch(
    api: &Api,
    at: &InTenant<Manage>,
    named: ReplayId,
    switch: Switch,
) -> Result<Json<Replay>, Problem> {
    let action = match switch {
        Switch::Pause => Action::ReplayPaused,
        Switch::Resume => Action::ReplayResumed,
        Switch::Cancel => Action::ReplayCancelled,
    };
    let deed = audit::deed(at.by, Some(at.tenant), action, named, &json!({}));
    let switched = api
        .store
        .switch_replay(at.tenant, named, switch, &deed)
        .await;
    let switched = switched.map_err(|error| problem::of_store(&error))?;
    Ok(Json(switched.into()))
}
