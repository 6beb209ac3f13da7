//! Tenants: the platform's customers. A path names one by our id or by the platform's own key.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::TenantId;
use domain::limits;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use store::tenants::NewTenant;
use utoipa::ToSchema;

use super::text;
use crate::access::{InTenant, Manage, Platform, Read};
use crate::api::Api;
use crate::body::{Body, Created};
use crate::page::{Listed, Paging};
use crate::problem;
use crate::resources::audit;

/// A tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tenant {
    #[schema(example = "ten_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) id: String,
    /// The platform's own key for it.
    pub(crate) external_id: Option<String>,
    pub(crate) name: String,
    pub(crate) created_at: String,
}

impl From<store::tenants::Tenant> for Tenant {
    fn from(tenant: store::tenants::Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            external_id: tenant.external_id,
            name: tenant.name,
            created_at: text::instant(tenant.created_at),
        }
    }
}

/// A tenant to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTenant)]
pub(crate) struct ToCreate {
    #[schema(example = "Acme")]
    name: String,
    /// The platform's own key for it: then the platform need not store ours.
    #[schema(example = "acme")]
    external_id: Option<String>,
}

/// List tenants, the newest first
///
/// The platform's own tenant, `posthaste:platform`, is not among them.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants",
    params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Tenant>)))]
pub(crate) async fn list(
    _: Platform<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Tenant>, Problem> {
    let page = api.store.tenants(paging.request).await;
    Ok(paging.listed(
        page.map_err(|error| problem::of_store(&error))?,
        Tenant::from,
    ))
}

/// Create a tenant
#[utoipa::path(post, path = "/v1/tenants", tag = "tenants", request_body = ToCreate,
    responses((status = 201, body = Tenant), (status = 409, description = "the external id is taken")))]
pub(crate) async fn create(
    by: Platform<Manage>,
    State(api): State<Api>,
    Body(new): Body<ToCreate>,
) -> Result<Created<Tenant>, Problem> {
    text::name("#/name", &new.name)?;
    if let Some(external_id) = &new.external_id {
        let is_good = (1..=limits::EXTERNAL_ID_BYTES).contains(&external_id.len())
            && external_id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.:@".contains(&b))
            && !external_id.starts_with("ten_")
            && !external_id.starts_with(TenantId::RESERVED_PREFIX);
        if !is_good {
            let detail = format!(
                "1 to {} letters, digits and _ - . : @, not beginning with ten_ or {}",
                limits::EXTERNAL_ID_BYTES,
                TenantId::RESERVED_PREFIX
            );
            return Err(problem::invalid("#/external_id", detail));
        }
    }
    let new = NewTenant {
        name: new.name,
        external_id: new.external_id,
    };
    let made = api
        .store
        .create_tenant(&new)
        .await
        .map_err(|error| problem::of_store(&error))?;
    let detail = json!({"name": made.name, "external_id": made.external_id});
    let action = Action::TenantCreated;
    let deed = audit::deed(by.by, Some(made.id), action, made.id, &detail);
    audit::note(&api, deed).await;
    let body = Tenant::from(made);
    Ok(Created {
        location: format!("/v1/tenants/{}", body.id),
        body,
    })
}

/// Get a tenant
#[utoipa::path(get, path = "/v1/tenants/{tenant}", tag = "tenants",
    params(("tenant" = String, Path, description = "its id or external id")),
    responses((status = 200, body = Tenant), (status = 404)))]
pub(crate) async fn get(
    at: InTenant<Read>,
    State(api): State<Api>,
) -> Result<Json<Tenant>, Problem> {
    let tenant = api
        .store
        .tenant(at.tenant)
        .await
        .map_err(|error| problem::of_store(&error))?;
    Ok(Json(tenant.into()))
}

/// Delete a tenant
///
/// Its keys stop working and its endpoints get nothing more. The platform's own tenant stays.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}", tag = "tenants",
    params(("tenant" = String, Path, description = "its id or external id")),
    responses((status = 204), (status = 404), (status = 409, description = "it is the platform's own")))]
pub(crate) async fn delete(
    _: Platform<Manage>,
    at: InTenant<Manage>,
    State(api): State<Api>,
) -> Result<StatusCode, Problem> {
    if at.tenant == TenantId::PLATFORM {
        let detail = "the platform's own tenant stays: delete its endpoints";
        let status = StatusCode::CONFLICT;
        return Err(Problem::new(status, "conflict", "Conflict", detail));
    }
    api.store
        .delete_tenant(at.tenant)
        .await
        .map_err(|error| problem::of_store(&error))?;
    let deed = at.deed(Action::TenantDeleted, at.tenant, &json!({}));
    audit::note(&api, deed).await;
    Ok(StatusCode::NO_CONTENT)
}
