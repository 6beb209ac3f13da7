//! Events: what was published, and whom it matched.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use domain::event_type::EventType;
use domain::id;
use domain::schema::Violation;
use serde::{Deserialize, Serialize};
use service::problem::Problem;
use store::events::{EventDetail, EventSummary};
use utoipa::ToSchema;

use super::text;
use crate::access::{InTenant, Named, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::problem;
use crate::query::Query;

/// An event, its payload apart.
#[derive(Serialize, ToSchema)]
pub(crate) struct Event {
    #[schema(example = "evt_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    id: String,
    event: String,
    /// When it happened.
    timestamp: String,
    /// When it was accepted.
    accepted_at: String,
    channels: Vec<String>,
    /// The endpoints that it matched.
    endpoints: Vec<String>,
    /// The size of its payload.
    data_bytes: u32,
}

impl From<EventSummary> for Event {
    fn from(event: EventSummary) -> Self {
        Self {
            id: event.id.to_string(),
            event: event.event_type.to_string(),
            timestamp: text::instant(event.timestamp),
            accepted_at: text::instant(event.accepted_at),
            channels: event.channels.iter().map(ToString::to_string).collect(),
            endpoints: event.endpoints.iter().map(ToString::to_string).collect(),
            data_bytes: event.data_bytes,
        }
    }
}

/// An event by itself, its payload apart.
#[derive(Serialize, ToSchema)]
pub(crate) struct Detailed {
    #[serde(flatten)]
    event: Event,
    /// How its payload violates the schema that its type had when it was accepted, where the
    /// schema's mode was `warn`.
    schema_errors: Vec<SchemaError>,
}

/// One way in which a payload violates a schema.
#[derive(Serialize, ToSchema)]
pub(crate) struct SchemaError {
    /// Where in the payload: a JSON pointer as a URI fragment.
    #[schema(example = "#/items/0/price")]
    pointer: String,
    /// The schema's keyword, and what it asks for.
    #[schema(example = "type: should be number")]
    detail: String,
}

impl From<EventDetail> for Detailed {
    fn from(
        EventDetail {
            summary,
            violations,
        }: EventDetail,
    ) -> Self {
        let error = |one: Violation| SchemaError {
            pointer: format!("#{}", one.pointer),
            detail: one.detail,
        };
        Self {
            event: summary.into(),
            schema_errors: violations.into_iter().map(error).collect(),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Filter {
    event: Option<String>,
}

/// List a tenant's events, the newest first
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events", tag = "events",
    params(("tenant" = String, Path), ("event" = Option<String>, Query, description = "an event type"),
        ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Event>)))]
pub(crate) async fn list(
    at: InTenant<Read>,
    State(api): State<Api>,
    Query(filter): Query<Filter>,
    paging: Paging,
) -> Result<Listed<Event>, Problem> {
    let event_type = filter
        .event
        .map(|text| text.parse::<EventType>())
        .transpose();
    let event_type =
        event_type.map_err(|error| problem::bad_parameter("event", &error.to_string()))?;
    let page = api
        .store
        .events(at.tenant, event_type.as_ref(), paging.request)
        .await;
    Ok(paging.listed(
        page.map_err(|error| problem::of_store(&error))?,
        Event::from,
    ))
}

/// Get an event
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events/{event}", tag = "events",
    params(("tenant" = String, Path), ("event" = String, Path)),
    responses((status = 200, body = Detailed), (status = 404)))]
pub(crate) async fn get(
    at: InTenant<Read>,
    State(api): State<Api>,
    Named(event): Named<id::Event>,
) -> Result<Json<Detailed>, Problem> {
    let found = api.store.event_detail(at.tenant, event).await;
    Ok(Json(
        found.map_err(|error| problem::of_store(&error))?.into(),
    ))
}

/// Get an event's payload, byte for byte as published
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events/{event}/payload", tag = "events",
    params(("tenant" = String, Path), ("event" = String, Path)),
    responses((status = 200, content_type = "application/json", description = "the payload"), (status = 404)))]
pub(crate) async fn payload(
    at: InTenant<Read>,
    State(api): State<Api>,
    Named(event): Named<id::Event>,
) -> Result<impl IntoResponse, Problem> {
    let found = api.store.event(at.tenant, event).await;
    let found = found.map_err(|error| problem::of_store(&error))?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
    ];
    Ok((headers, found.data))
}
