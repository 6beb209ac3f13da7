//! API keys: those of the whole platform for those who have it, a tenant's own in `of_tenant`.

use axum::extract::State;
use axum::http::StatusCode;
use domain::id::{self, ApiKeyId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::problem::Problem;
use store::api_keys::{ApiKey, NewApiKey, Reach, Scope};
use store::audit::{Action, Actor};
use utoipa::ToSchema;

use super::{audit, text};
use crate::access::{Manage, Named, Platform, Read};
use crate::api::Api;
use crate::body::{Body, Created};
use crate::page::{Listed, Paging};
use crate::problem;

pub(crate) mod of_tenant;

/// An API key, its text apart.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The one tenant that it is good for; null for the whole platform.
    pub(crate) tenant: Option<String>,
    /// `publish`, `read`, `manage`.
    pub(crate) scopes: Vec<&'static str>,
    /// Its first characters, to recognise it by.
    pub(crate) hint: String,
    pub(crate) created_at: String,
    pub(crate) revoked_at: Option<String>,
    /// When it was last presented, noted once a minute; null: never.
    pub(crate) last_used_at: Option<String>,
}

/// A new API key with its text, shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct Made {
    #[serde(flatten)]
    pub(crate) made: Key,
    #[schema(example = "phk_…")]
    pub(crate) key: String,
}

/// An API key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewApiKey)]
pub(crate) struct ToCreate {
    pub(crate) name: String,
    /// `publish`, `read`, `manage`; at least one.
    #[schema(example = json!(["publish"]))]
    pub(crate) scopes: Vec<String>,
    /// The one tenant that it is good for (`ten_…`); the whole platform, if left out.
    pub(crate) tenant: Option<String>,
}

impl From<ApiKey> for Key {
    fn from(key: ApiKey) -> Self {
        let tenant = match key.reach {
            Reach::Platform => None,
            Reach::Tenant(tenant) => Some(tenant.to_string()),
        };
        Self {
            id: key.id.to_string(),
            name: key.name,
            tenant,
            scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
            hint: key.hint,
            created_at: text::instant(key.created_at),
            revoked_at: key.revoked_at.map(text::instant),
            last_used_at: key.last_used_at.map(text::instant),
        }
    }
}

/// List API keys, revoked ones too, the newest first
#[utoipa::path(get, path = "/v1/api-keys", tag = "API keys",
    params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Key>)))]
pub(crate) async fn list(
    _: Platform<Read>,
    State(api): State<Api>,
    paging: Paging,
) -> Result<Listed<Key>, Problem> {
    let page = api.store.api_keys(paging.request).await;
    Ok(paging.listed(page.map_err(|error| problem::of_store(&error))?, Key::from))
}

/// Create an API key; its text is in this answer and in no other
#[utoipa::path(post, path = "/v1/api-keys", tag = "API keys", request_body = ToCreate,
    responses((status = 201, body = Made), (status = 422)))]
pub(crate) async fn create(
    by: Platform<Manage>,
    State(api): State<Api>,
    Body(new): Body<ToCreate>,
) -> Result<Created<Made>, Problem> {
    let tenant = new
        .tenant
        .as_deref()
        .map(str::parse::<TenantId>)
        .transpose();
    let tenant = tenant.map_err(|error| problem::invalid("#/tenant", error))?;
    let reach = tenant.map_or(Reach::Platform, Reach::Tenant);
    let body = make(&api, by.by, reach, new).await?;
    let location = format!("/v1/api-keys/{}", body.made.id);
    Ok(Created { location, body })
}

/// Makes a key that reaches so far.
async fn make(api: &Api, by: Actor, reach: Reach, new: ToCreate) -> Result<Made, Problem> {
    text::name("#/name", &new.name)?;
    let tenant = match reach {
        Reach::Platform => None,
        Reach::Tenant(tenant) => Some(tenant),
    };
    if tenant == Some(TenantId::PLATFORM) {
        let detail = "the platform's own tenant is for keys of the whole platform";
        return Err(problem::invalid("#/tenant", detail));
    }
    let new = NewApiKey {
        name: new.name,
        reach,
        scopes: scopes(&new.scopes)?,
    };
    let made = api.store.create_api_key(&new).await;
    let (made, key) = made.map_err(|error| problem::of_store(&error))?;
    let scopes: Vec<_> = made.scopes.iter().map(|scope| scope.as_str()).collect();
    let detail = json!({"name": made.name, "scopes": scopes});
    let deed = audit::deed(by, tenant, Action::ApiKeyCreated, made.id, &detail);
    audit::note(api, deed).await;
    Ok(Made {
        made: made.into(),
        key: key.expose().to_owned(),
    })
}

/// The scopes of these names, each once, and one at least.
fn scopes(names: &[String]) -> Result<Vec<Scope>, Problem> {
    let unknown = || problem::invalid("#/scopes", "at least one of publish, read and manage");
    let named = names
        .iter()
        .map(|name| Scope::from_name(name).ok_or_else(unknown));
    let mut scopes = named.collect::<Result<Vec<_>, _>>()?;
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(unknown());
    }
    Ok(scopes)
}

/// Revoke an API key
#[utoipa::path(delete, path = "/v1/api-keys/{key}", tag = "API keys",
    params(("key" = String, Path)), responses((status = 204), (status = 404)))]
pub(crate) async fn revoke(
    by: Platform<Manage>,
    State(api): State<Api>,
    Named(key): Named<id::ApiKey>,
) -> Result<StatusCode, Problem> {
    end(&api, by.by, key, None).await
}

async fn end(
    api: &Api,
    by: Actor,
    key: ApiKeyId,
    of: Option<TenantId>,
) -> Result<StatusCode, Problem> {
    let revoked = api.store.revoke_api_key(key, of).await;
    revoked.map_err(|error| problem::of_store(&error))?;
    let deed = audit::deed(by, of, Action::ApiKeyRevoked, key, &json!({}));
    audit::note(api, deed).await;
    Ok(StatusCode::NO_CONTENT)
}
