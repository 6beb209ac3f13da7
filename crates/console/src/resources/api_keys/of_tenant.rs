//! A tenant's own API keys, for its developers.
//!
//! **Invariant:** no key of a tenant makes another: whoever revokes one that leaked need not look
//! for what it left.

use axum::extract::State;
use axum::http::StatusCode;
use domain::id;
use service::problem::Problem;
use store::api_keys::Reach;
use store::audit::Who;

use super::{Key, Made, ToCreate, end, make};
use crate::access::{Developer, InTenant, Manage, Named, Read};
use crate::api::Api;
use crate::body::{Body, Created};
use crate::page::{Listed, Paging};
use crate::problem;

/// List a tenant's own API keys, revoked ones too, the newest first
///
/// Those of the whole platform are not among them.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/api-keys", tag = "API keys",
    params(("tenant" = String, Path), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Key>), (status = 404)))]
pub(crate) async fn list(
    Developer(at): Developer<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Key>, Problem> {
    let page = api.store.api_keys_of(at.tenant, paging.request).await;
    Ok(paging.listed(page.map_err(|error| problem::of_store(&error))?, Key::from))
}

/// Create an API key of a tenant's own; its text is in this answer and in no other
///
/// By a key of the whole platform. In the dashboard, people who signed in by the identity provider
/// may as well.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/api-keys", tag = "API keys",
    params(("tenant" = String, Path)), request_body = ToCreate,
    responses((status = 201, body = Made), (status = 404), (status = 422)))]
pub(crate) async fn create(
    Developer(at): Developer<Manage>,
    State(api): State<Api>,
    Body(new): Body<ToCreate>,
) -> Result<Created<Made>, Problem> {
    may_make(&at)?;
    let own = at.tenant.to_string();
    if new.tenant.as_ref().is_some_and(|tenant| *tenant != own) {
        return Err(problem::invalid(
            "#/tenant",
            "the tenant of the path, or none",
        ));
    }
    let body = make(&api, at.by, Reach::Tenant(at.tenant), new).await?;
    let location = format!("/v1/tenants/{own}/api-keys/{}", body.made.id);
    Ok(Created { location, body })
}

/// Revoke an API key of a tenant's own
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/api-keys/{key}", tag = "API keys",
    params(("tenant" = String, Path), ("key" = String, Path)),
    responses((status = 204), (status = 404)))]
pub(crate) async fn revoke(
    Developer(at): Developer<Manage>,
    State(api): State<Api>,
    Named(key): Named<id::ApiKey>,
) -> Result<StatusCode, Problem> {
    may_make(&at)?;
    end(&api, at.by, key, Some(at.tenant)).await
}

/// Whether whoever asks may make keys of a tenant, and revoke them. For others there is no such
/// thing.
pub(crate) fn may_make<D>(at: &InTenant<D>) -> Result<(), Problem> {
    match (at.reach, at.by.who) {
        (Reach::Platform, _) | (_, Who::Person(_)) => Ok(()),
        (Reach::Tenant(_), Who::Key(_)) => Err(problem::not_found()),
    }
}
