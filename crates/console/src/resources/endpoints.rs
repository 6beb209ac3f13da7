//! Endpoints: where a tenant's events go.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use domain::id::{self, EndpointId};
use serde::Serialize;
use serde_json::json;
use service::problem::Problem;
use signature::Secret;
use store::StoreError;
use store::audit::Action;
use store::endpoints::{EndpointRecord, Precondition, Switch};
use utoipa::ToSchema;

use crate::access::{InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::body::{Body, Created};
use crate::etag::{self, IfMatch, Tagged};
use crate::page::{Listed, Paging};
use crate::problem;
use crate::resources::audit;

pub(crate) mod check;
mod health;
mod settings;
mod view;

pub(crate) use settings::{Changes, Rate, ToCreate};
use view::Beside;
pub(crate) use view::{Breaker, Endpoint};

/// A secret, shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointSecret)]
pub(crate) struct Shown {
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub(crate) secret: String,
}

/// An endpoint and its first secret, shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct Registered {
    #[serde(flatten)]
    pub(crate) endpoint: Endpoint,
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub(crate) secret: String,
}

async fn tagged(
    api: &Api,
    endpoint: Result<EndpointRecord, StoreError>,
) -> Result<Tagged<Json<Endpoint>>, Problem> {
    let endpoint = endpoint.map_err(|error| problem::of_store(&error))?;
    let beside = Beside::of(&api.store, endpoint.tenant, &[endpoint.id]).await?;
    let tag = etag::of(endpoint.version);
    Ok(([(header::ETAG, tag)], Json(beside.show(endpoint))))
}

/// List a tenant's endpoints, the newest first
#[utoipa::path(get, path = "/v1/tenants/{tenant}/endpoints", tag = "endpoints",
    params(("tenant" = String, Path), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Endpoint>)))]
pub(crate) async fn list(
    at: InTenant<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Endpoint>, Problem> {
    let of_store = |error| problem::of_store(&error);
    let page = api.store.endpoints(at.tenant, paging.request).await;
    let page = page.map_err(of_store)?;
    let ids: Vec<_> = page.rows.iter().map(|endpoint| endpoint.id).collect();
    let beside = Beside::of(&api.store, at.tenant, &ids).await?;
    Ok(paging.listed(page, |endpoint| beside.show(endpoint)))
}

/// Register an endpoint
///
/// Its secret is in this answer and in no other.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/endpoints", tag = "endpoints",
    params(("tenant" = String, Path)), request_body = ToCreate,
    responses((status = 201, body = Registered), (status = 422, description = "a value can't be used, such as a URL inside a private network")))]
pub(crate) async fn create(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Body(new): Body<ToCreate>,
) -> Result<Tagged<Created<Registered>>, Problem> {
    let (settings, secret) = new.judged(&api.addresses)?;
    let secret = secret.map_or_else(drawn, Ok)?;
    // Before it is made: its secret is in this answer alone.
    let beside = Beside::of(&api.store, at.tenant, &[]).await?;
    let made = api
        .store
        .create_endpoint(at.tenant, &settings, &secret)
        .await;
    let made = made.map_err(|error| problem::of_store(&error))?;
    let detail = json!({"host": made.settings.url.host_str()});
    let deed = at.deed(Action::EndpointCreated, made.id, &detail);
    audit::note(&api, deed).await;
    let tag = etag::of(made.version);
    let location = format!("/v1/tenants/{}/endpoints/{}", at.tenant, made.id);
    let body = Registered {
        endpoint: beside.show(made),
        secret: secret.expose(),
    };
    Ok(([(header::ETAG, tag)], Created { location, body }))
}

/// Get an endpoint
#[utoipa::path(get, path = "/v1/tenants/{tenant}/endpoints/{endpoint}", tag = "endpoints",
    params(("tenant" = String, Path), ("endpoint" = String, Path)),
    responses((status = 200, body = Endpoint), (status = 404)))]
pub(crate) async fn get(
    at: InTenant<Read>,
    State(api): State<Api>,
    Named(endpoint): Named<id::Endpoint>,
) -> Result<Tagged<Json<Endpoint>>, Problem> {
    let found = api.store.endpoint(at.tenant, endpoint).await;
    tagged(&api, found).await
}

/// Change an endpoint: the members given, and no others
#[utoipa::path(patch, path = "/v1/tenants/{tenant}/endpoints/{endpoint}", tag = "endpoints",
    params(("tenant" = String, Path), ("endpoint" = String, Path), ("if-match" = String, Header, description = "the ETag of what you have seen")),
    request_body = Changes,
    responses((status = 200, body = Endpoint), (status = 404), (status = 412, description = "it has changed since"), (status = 428, description = "without If-Match")))]
pub(crate) async fn update(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(endpoint): Named<id::Endpoint>,
    IfMatch(precondition): IfMatch,
    Body(changes): Body<Changes>,
) -> Result<Tagged<Json<Endpoint>>, Problem> {
    let of_store = |error| problem::of_store(&error);
    let seen = api
        .store
        .endpoint(at.tenant, endpoint)
        .await
        .map_err(of_store)?;
    // What is not given stays as it was read here: a change in between must not be undone.
    let precondition = match precondition {
        Precondition::Any => Precondition::Version(seen.version),
        given @ Precondition::Version(_) => given,
    };
    let settings = changes.applied(seen.settings, &api.addresses)?;
    let store = &api.store;
    let changed = store
        .update_endpoint(at.tenant, endpoint, precondition, &settings)
        .await
        .map_err(of_store)?;
    let detail = json!({"version": changed.version});
    audit::note(&api, at.deed(Action::EndpointChanged, endpoint, &detail)).await;
    tagged(&api, Ok(changed)).await
}

/// Delete an endpoint; what was under way to it is cancelled
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/endpoints/{endpoint}", tag = "endpoints",
    params(("tenant" = String, Path), ("endpoint" = String, Path)),
    responses((status = 204), (status = 404)))]
pub(crate) async fn delete(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(endpoint): Named<id::Endpoint>,
) -> Result<StatusCode, Problem> {
    let deleted = api
        .store
        .delete_endpoint(at.tenant, endpoint, Precondition::Any)
        .await;
    deleted.map_err(|error| problem::of_store(&error))?;
    audit::note(&api, at.deed(Action::EndpointDeleted, endpoint, &json!({}))).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Give an endpoint a new secret, shown this once; the old one signs beside it for 24 hours
#[utoipa::path(post, path = "/v1/tenants/{tenant}/endpoints/{endpoint}/rotate-secret", tag = "endpoints",
    params(("tenant" = String, Path), ("endpoint" = String, Path)),
    responses((status = 200, body = Shown), (status = 404), (status = 409, description = "too many secrets are still live")))]
pub(crate) async fn rotate_secret(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(endpoint): Named<id::Endpoint>,
) -> Result<Json<Shown>, Problem> {
    let secret = drawn()?;
    let rotated = api
        .store
        .rotate_secret(at.tenant, endpoint, Precondition::Any, &secret)
        .await;
    rotated.map_err(|error| problem::of_store(&error))?;
    let deed = at.deed(Action::EndpointSecretRotated, endpoint, &json!({}));
    audit::note(&api, deed).await;
    Ok(Json(Shown {
        secret: secret.expose(),
    }))
}

/// Pause an endpoint: its deliveries are held
#[utoipa::path(post, path = "/v1/tenants/{tenant}/endpoints/{endpoint}/pause", tag = "endpoints",
    params(("tenant" = String, Path), ("endpoint" = String, Path)),
    responses((status = 200, body = Endpoint), (status = 404)))]
pub(crate) async fn pause(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(endpoint): Named<id::Endpoint>,
) -> Result<Tagged<Json<Endpoint>>, Problem> {
    switch(&api, &at, endpoint, Switch::Pause, Action::EndpointPaused).await
}

/// Resume an endpoint that was paused or disabled: what was held is delivered, the oldest first
#[utoipa::path(post, path = "/v1/tenants/{tenant}/endpoints/{endpoint}/resume", tag = "endpoints",
    params(("tenant" = String, Path), ("endpoint" = String, Path)),
    responses((status = 200, body = Endpoint), (status = 404)))]
pub(crate) async fn resume(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(endpoint): Named<id::Endpoint>,
) -> Result<Tagged<Json<Endpoint>>, Problem> {
    switch(&api, &at, endpoint, Switch::Enable, Action::EndpointResumed).await
}

async fn switch(
    api: &Api,
    at: &InTenant<Manage>,
    endpoint: EndpointId,
    switch: Switch<'_>,
    action: Action,
) -> Result<Tagged<Json<Endpoint>>, Problem> {
    let switched = api
        .store
        .switch_endpoint(at.tenant, endpoint, Precondition::Any, switch)
        .await
        .map_err(|error| problem::of_store(&error))?;
    audit::note(api, at.deed(action, endpoint, &json!({}))).await;
    tagged(api, Ok(switched)).await
}

/// 32 random bytes, as Standard Webhooks asks.
fn drawn() -> Result<Secret, Problem> {
    let mut bytes = vec![0; 32];
    let drawn = getrandom::fill(&mut bytes).is_ok();
    let secret = Secret::from_bytes(bytes).ok().filter(|_| drawn);
    secret.ok_or_else(|| problem::unavailable("the machine has no random numbers: try again"))
}
