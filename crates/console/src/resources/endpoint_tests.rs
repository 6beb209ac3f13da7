//! Test events: the catalogue's example of a type, sent to one endpoint alone by the real path.
//!
//! It is recorded as fan-out records an event, with this endpoint as the only one that it matched,
//! and published as fan-out publishes: from there on nothing tells it from any other.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use broker::Outgoing;
use broker::topology::Route;
use bytes::Bytes;
use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::{Delivery, Due};
use domain::dispatch::{Content, Custody, Dispatch};
use domain::endpoint::EndpointState;
use domain::event::{Event, Identity};
use domain::event_type::EventType;
use domain::id::{self, DeliveryId, EventId, IngestId};
use domain::tier::Wait;
use domain::trace::TraceContext;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::problem::Problem;
use store::audit::Action;
use store::events::NewEvent;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;
use wire::MessageType;

use super::{audit, event_types};
use crate::access::{InTenant, Manage, Named};
use crate::api::Api;
use crate::body::Body;
use crate::problem;

/// A test to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToSend {
    /// One of the catalogue's types, whose example is the payload; the endpoint need not have
    /// subscribed to it. The first by name that it has, if left out.
    #[schema(example = "shipment.created")]
    pub(crate) event_type: Option<String>,
}

/// A test that is under way.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sent {
    /// The event, which the receiver sees as its `webhook-id`.
    event: String,
    /// Its delivery, which appears with the first attempt.
    pub(crate) delivery: String,
}

/// Send a test event to an endpoint
///
/// It is an event like any other, of this endpoint alone: signed, retried and recorded. What came
/// of it is told by its delivery.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/endpoints/{endpoint}/test", tag = "endpoints",
    params(("tenant" = String, Path), ("endpoint" = String, Path)), request_body = ToSend,
    responses((status = 202, body = Sent), (status = 404),
        (status = 409, description = "the endpoint is paused or disabled"),
        (status = 422, description = "the catalogue has no such type"), (status = 503)))]
pub(crate) async fn send(
    at: InTenant<Manage>,
    State(api): State<Api>,
    Named(endpoint): Named<id::Endpoint>,
    Body(test): Body<ToSend>,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let of_store = |error| problem::of_store(&error);
    let found = api.store.endpoint(at.tenant, endpoint).await;
    let found = found.map_err(of_store)?;
    match found.state {
        EndpointState::Enabled => {}
        EndpointState::Paused | EndpointState::Disabled => return Err(not_enabled()),
    }
    let mut offered = event_types::offered(&api, at.tenant).await?.into_iter();
    let patterns = &found.settings.event_types;
    let entry = match test.event_type {
        Some(name) => offered.find(|entry| entry.name.as_str() == name),
        None => offered.find(|entry| patterns.iter().any(|one| one.matches(&entry.name))),
    };
    let entry = entry.ok_or_else(|| {
        problem::invalid("#/event_type", "the catalogue offers no such event type")
    })?;
    let event = event(&at, entry.name, entry.example);
    let (id, delivery) = (event.id, DeliveryId::first(event.id, endpoint));
    let due = Due {
        delivery: Delivery {
            id: delivery,
            endpoint,
            trigger: Trigger::Automatic,
            replay_of: None,
        },
        attempt: AttemptNumber::FIRST,
    };
    let message = message(&api, &event, due);
    // Recorded first, as fan-out does: what is published must be found.
    let new = NewEvent {
        event,
        endpoints: vec![endpoint],
    };
    api.store.record(&[new]).await.map_err(of_store)?;
    api.publisher.publish(message).await.map_err(|error| {
        tracing::warn!(%error, "a test event was not published");
        problem::unavailable("the broker does not take the test now: try again")
    })?;
    let (action, detail) = (Action::EndpointTested, json!({"event": id}));
    let deed = audit::deed(at.by, Some(at.tenant), action, endpoint, &detail);
    audit::note(&api, deed).await;
    let sent = Sent {
        event: id.to_string(),
        delivery: delivery.to_string(),
    };
    Ok((StatusCode::ACCEPTED, Json(sent)))
}

fn not_enabled() -> Problem {
    let detail = "the endpoint takes no deliveries now: resume it, then send the test";
    Problem::new(StatusCode::CONFLICT, "not-enabled", "Not enabled", detail)
}

fn event(at: &InTenant<Manage>, event_type: EventType, example: String) -> Event {
    let now = OffsetDateTime::now_utc();
    Event {
        id: EventId::from_uuid(Uuid::now_v7()),
        ingest_id: IngestId::from_uuid(Uuid::new_v4()),
        tenant: at.tenant,
        event_type,
        data: Bytes::from(example),
        timestamp: now,
        accepted_at: now,
        channels: Vec::new(),
        identity: Identity::Minted,
        violations: Vec::new(),
        trace: TraceContext::default(),
    }
}

/// On the lane of first attempts: somebody waits for the answer.
fn message(api: &Api, event: &Event, due: Due) -> Outgoing {
    let shard = api.shards.of(due.delivery.endpoint.uuid());
    let dispatch = Dispatch {
        content: Content::from(event).into(),
        due,
        wait: Wait::NONE,
        custody: Custody::Sole,
        overflows: 0,
        attempt_before: None,
    };
    let body = wire::dispatch::encode_alone(&dispatch);
    let kind = MessageType::Dispatch.as_str();
    Outgoing::new(Route::dispatch_now(shard), body, kind, wire::CONTENT_TYPE)
}
