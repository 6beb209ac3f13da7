//! The catalogue of event types. Publishing doesn't depend on it, except where a type has a schema.

pub(crate) mod names;
mod payload;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::event_type::EventType;
use domain::id::TenantId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use service::problem::Problem;
use store::audit::Action;
use store::event_types::{Audience, CatalogueEntry, NewEntry};
use utoipa::ToSchema;

use super::text;
use crate::access::{InTenant, Manage, Platform, Read};
use crate::api::Api;
use crate::body::Body;
use crate::problem;
use crate::query::Query;
use crate::resources::audit;

/// An event type.
#[derive(Serialize, ToSchema)]
#[schema(as = EventTypeEntry)]
pub(crate) struct Entry {
    #[schema(example = "shipment.created")]
    pub(crate) name: String,
    pub(crate) description: String,
    /// A payload, as text.
    pub(crate) example: String,
    /// What its payloads look like, as JSON Schema; null without.
    #[schema(value_type = serde_json::Value)]
    pub(crate) schema: Option<Box<RawValue>>,
    /// What becomes of an event whose payload violates the schema: `off` (nothing), `warn`
    /// (accepted, and recorded with it), `enforce` (refused).
    #[schema(example = "enforce")]
    pub(crate) schema_mode: &'static str,
    pub(crate) archived: bool,
    /// `tenants`, or `platform` for the types of operational events.
    pub(crate) audience: &'static str,
}

impl From<CatalogueEntry> for Entry {
    fn from(entry: CatalogueEntry) -> Self {
        Self {
            name: entry.name.to_string(),
            description: entry.description,
            example: entry.example,
            // It was JSON when it was put.
            schema: entry
                .schema
                .and_then(|text| RawValue::from_string(text).ok()),
            schema_mode: entry.schema_mode.as_str(),
            archived: entry.archived_at.is_some(),
            audience: entry.audience.as_str(),
        }
    }
}

/// The whole catalogue.
#[derive(Serialize, ToSchema)]
pub(crate) struct Catalogue {
    pub(crate) data: Vec<Entry>,
}

/// What an event type is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEventType)]
pub(crate) struct ToPut {
    pub(crate) description: String,
    /// A payload: any JSON.
    #[schema(value_type = serde_json::Value)]
    pub(crate) example: Box<RawValue>,
    /// What its payloads look like, as JSON Schema: draft 2020-12, or the one that `$schema`
    /// names. Left out, there is none any more.
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) schema: Option<Box<RawValue>>,
    /// `off` (the default), `warn` or `enforce`.
    pub(crate) schema_mode: Option<String>,
}

/// Which part of the catalogue is asked for.
#[derive(Deserialize)]
pub(crate) struct Offered {
    pub(crate) audience: Option<String>,
}

/// The name in the path as it is written there; bytes that are no text name nothing.
pub(crate) struct Written(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Written {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(text)| Self(text))
            .map_err(|_| problem::not_found())
    }
}

fn name(text: &str) -> Result<EventType, Problem> {
    text.parse().map_err(|_| problem::not_found())
}

/// List event types
///
/// Those that the platform's tenants can select, or with `audience=platform` those of operational
/// events, for endpoints of the platform itself.
#[utoipa::path(get, path = "/v1/event-types", tag = "event types",
    params(("audience" = Option<String>, Query, description = "`tenants` (the default) or `platform`")),
    responses((status = 200, body = Catalogue), (status = 400)))]
pub(crate) async fn list(
    _: Platform<Read>,
    State(api): State<Api>,
    Query(Offered { audience }): Query<Offered>,
) -> Result<Json<Catalogue>, Problem> {
    let audience = audience.map_or(Some(Audience::Tenants), |name| Audience::from_name(&name));
    let audience = audience
        .ok_or_else(|| problem::bad_parameter("audience", "one of tenants and platform"))?;
    let found = api
        .store
        .event_types(audience)
        .await
        .map_err(|error| problem::of_store(&error))?;
    Ok(Json(Catalogue {
        data: found.into_iter().map(Entry::from).collect(),
    }))
}

/// List the event types that a tenant's endpoints can select
///
/// Archived ones are left out.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/event-types", tag = "event types",
    params(("tenant" = String, Path)), responses((status = 200, body = Catalogue), (status = 404)))]
pub(crate) async fn of_tenant(
    at: InTenant<Read>,
    State(api): State<Api>,
) -> Result<Json<Catalogue>, Problem> {
    let offered = offered(&api, at.tenant).await?;
    Ok(Json(Catalogue {
        data: offered.into_iter().map(Entry::from).collect(),
    }))
}

/// Whose types the endpoints of a tenant can select.
fn audience(tenant: TenantId) -> Audience {
    if tenant == TenantId::PLATFORM {
        Audience::Platform
    } else {
        Audience::Tenants
    }
}

/// What the endpoints of a tenant can select, by name: operational events for the platform's own.
pub(super) async fn offered(api: &Api, tenant: TenantId) -> Result<Vec<CatalogueEntry>, Problem> {
    let found = api.store.event_types(audience(tenant)).await;
    let mut found = found.map_err(|error| problem::of_store(&error))?;
    found.retain(|entry| entry.archived_at.is_none());
    Ok(found)
}

/// Get an event type
#[utoipa::path(get, path = "/v1/event-types/{name}", tag = "event types",
    params(("name" = String, Path)), responses((status = 200, body = Entry), (status = 404)))]
pub(crate) async fn get(
    _: Platform<Read>,
    State(api): State<Api>,
    Written(event_type): Written,
) -> Result<Json<Entry>, Problem> {
    let found = api.store.event_type(&name(&event_type)?).await;
    Ok(Json(
        found.map_err(|error| problem::of_store(&error))?.into(),
    ))
}

/// Create or change an event type
#[utoipa::path(put, path = "/v1/event-types/{name}", tag = "event types",
    params(("name" = String, Path)), request_body = ToPut,
    responses((status = 200, body = Entry), (status = 409, description = "it is the type of an operational event"), (status = 422)))]
pub(crate) async fn put(
    by: Platform<Manage>,
    State(api): State<Api>,
    Written(event_type): Written,
    Body(entry): Body<ToPut>,
) -> Result<Json<Entry>, Problem> {
    text::description("#/description", &entry.description)?;
    let event_type: EventType = event_type
        .parse()
        .map_err(|error| problem::invalid("path:name", error))?;
    let schema = payload::schema(&entry).await?;
    let new = NewEntry {
        description: &entry.description,
        example: entry.example.get(),
        schema: schema.text,
        schema_mode: schema.mode,
    };
    let put = api.store.put_event_type(&event_type, new).await;
    let put = put.map_err(|error| problem::of_store(&error))?;
    let action = Action::EventTypeSaved;
    let deed = audit::deed(by.by, None, action, &event_type, &json!({}));
    audit::note(&api, deed).await;
    Ok(Json(put.into()))
}

/// Archive an event type: it is no longer offered
#[utoipa::path(delete, path = "/v1/event-types/{name}", tag = "event types",
    params(("name" = String, Path)), responses((status = 204), (status = 404)))]
pub(crate) async fn archive(
    by: Platform<Manage>,
    State(api): State<Api>,
    Written(event_type): Written,
) -> Result<StatusCode, Problem> {
    let event_type = name(&event_type)?;
    let archived = api.store.archive_event_type(&event_type).await;
    archived.map_err(|error| problem::of_store(&error))?;
    let action = Action::EventTypeArchived;
    let deed = audit::deed(by.by, None, action, &event_type, &json!({}));
    audit::note(&api, deed).await;
    Ok(StatusCode::NO_CONTENT)
}
