//! Events: what was published, and whom it matched.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use bytes::Bytes;
use domain::id;
use domain::schema::Violation;
use domain::trace::TraceContext;
use serde::{Deserialize, Serialize};
use service::problem::Problem;
use store::events::{EventDetail, EventSummary, Keyed, Sought};
use utoipa::ToSchema;

use super::text;
use crate::access::{InTenant, Named, Read};
use crate::api::Api;
use crate::page::{Listed, Paging};
use crate::problem;
use crate::query::{self, Query};

pub(crate) mod live;
pub(crate) mod streams;

/// An event, its payload apart.
#[derive(Serialize, ToSchema)]
pub(crate) struct Event {
    #[schema(example = "evt_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) id: String,
    pub(crate) event: String,
    /// When it happened.
    pub(crate) timestamp: String,
    /// When it was accepted.
    pub(crate) accepted_at: String,
    pub(crate) channels: Vec<String>,
    /// The endpoints that it matched.
    pub(crate) endpoints: Vec<String>,
    /// The size of its payload.
    pub(crate) data_bytes: u32,
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
    pub(crate) event: Event,
    /// How its payload violates the schema that its type had when it was accepted, where the
    /// schema's mode was `warn`.
    pub(crate) schema_errors: Vec<SchemaError>,
    /// What is known of its idempotency key; null where it was published without.
    pub(crate) idempotency: Option<Idempotency>,
    /// The id of its trace, by its publisher or ours; null where it has none, or none is recorded.
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub(crate) trace_id: Option<String>,
}

/// What is known of an event's idempotency key.
#[derive(Serialize, ToSchema)]
pub(crate) struct Idempotency {
    /// Until when repeats under the key are dropped; null when that is over.
    pub(crate) expires_at: Option<String>,
    /// How often the key came again with another type or payload, which was dropped too.
    pub(crate) conflicts: u32,
}

impl From<Keyed> for Idempotency {
    fn from(key: Keyed) -> Self {
        Self {
            expires_at: key.expires_at.map(text::instant),
            conflicts: key.conflicts,
        }
    }
}

/// One way in which a payload violates a schema.
#[derive(Serialize, ToSchema)]
pub(crate) struct SchemaError {
    /// Where in the payload: a JSON pointer as a URI fragment.
    #[schema(example = "#/items/0/price")]
    pub(crate) pointer: String,
    /// The schema's keyword, and what it asks for.
    #[schema(example = "type: should be number")]
    pub(crate) detail: String,
}

impl From<EventDetail> for Detailed {
    fn from(
        EventDetail {
            summary,
            violations,
            key,
            traceparent,
        }: EventDetail,
    ) -> Self {
        let error = |one: Violation| SchemaError {
            pointer: format!("#{}", one.pointer),
            detail: one.detail,
        };
        Self {
            event: summary.into(),
            schema_errors: violations.into_iter().map(error).collect(),
            idempotency: key.map(Idempotency::from),
            trace_id: trace_id(traceparent),
        }
    }
}

/// The id of a trace that is recorded, where it is one.
fn trace_id(traceparent: String) -> Option<String> {
    let trace = TraceContext {
        traceparent,
        ..TraceContext::default()
    };
    let is_id = |id: &&str| id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = trace.trace_id().filter(is_id)?;
    trace.is_sampled().then(|| id.to_owned())
}

/// Which events to list; what is left out selects all.
#[derive(Default, Deserialize)]
pub(crate) struct Filter {
    pub(crate) event: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
}

impl Filter {
    fn sought(&self) -> Result<Sought, Problem> {
        Ok(Sought {
            event_type: query::event_type("event", self.event.as_deref())?,
            since: query::instant("since", self.since.as_deref())?,
            until: query::instant("until", self.until.as_deref())?,
        })
    }
}

/// List a tenant's events, the newest first
///
/// `since` is included, `until` is not; both are of acceptance.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/events", tag = "events",
    params(("tenant" = String, Path), ("event" = Option<String>, Query, description = "an event type"),
        ("since" = Option<String>, Query, description = "RFC 3339"),
        ("until" = Option<String>, Query, description = "RFC 3339"),
        ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Listed<Event>), (status = 400)))]
pub(crate) async fn list(
    at: InTenant<Read>,
    State(api): State<Api>,
    Query(filter): Query<Filter>,
    paging: Paging,
) -> Result<Listed<Event>, Problem> {
    let sought = filter.sought()?;
    let page = api.store.events(at.tenant, &sought, paging.request).await;
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
) -> Result<([(HeaderName, &'static str); 3], Bytes), Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_is_recorded_has_an_id() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let with = |id: &str, flags: &str| format!("00-{id}-00f067aa0ba902b7-{flags}");
        assert_eq!(trace_id(with(id, "01")).as_deref(), Some(id));
        let no_id = with(&id.replace('f', "/"), "01");
        for text in [with(id, "00"), no_id, with(id, "xx"), String::new()] {
            assert_eq!(trace_id(text.clone()), None, "{text}");
        }
    }
}
