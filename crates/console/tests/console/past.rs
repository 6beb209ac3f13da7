//! What fan-out and the recorder would have written.

use std::time::Duration;

use bytes::Bytes;
use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::{DeadReason, Delivery};
use domain::event::{Event, Identity};
use domain::id::{DeadLetterId, DeliveryId, EndpointId, EventId, IngestId};
use domain::outcome::Observed;
use domain::report::{AttemptReport, Extent, Report, Standing};
use domain::trace::TraceContext;
use serde_json::Value;
use store::dead_letters::{DeadLetterKind, NewDeadLetter};
use store::events::NewEvent;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::world::{Tenant, World, text};

/// A payload that no JSON writer gives back as it came.
pub(crate) const DATA: &[u8] = b"{ \"n\":1.0,\r\n \"n\": 2,\"t\":\"\\u00e9\" }";

/// Records an event that matched this endpoint, and how its delivery stands.
pub(crate) async fn delivery(
    world: &World,
    tenant: &Tenant,
    endpoint: &Value,
    standing: Standing,
) -> Report {
    let endpoint: EndpointId = text(endpoint, "id").parse().unwrap();
    let event = event(tenant);
    let new = NewEvent {
        event: event.clone(),
        endpoints: vec![endpoint],
    };
    world.store.record(&[new]).await.unwrap();
    let report = Report {
        delivery: Delivery {
            id: DeliveryId::from_uuid(Uuid::now_v7()),
            endpoint,
            trigger: Trigger::Automatic,
            replay_of: None,
        },
        event: event.id,
        event_type: event.event_type,
        tenant: tenant.id,
        accepted_at: event.accepted_at,
        standing,
        attempt: attempt(standing, event.accepted_at),
        at: event.accepted_at,
        trace: TraceContext::default(),
    };
    let batch = std::slice::from_ref(&report);
    world.store.record_reports(batch).await.unwrap();
    report
}

/// Records the dead letter of a delivery.
pub(crate) async fn letter(world: &World, report: &Report) -> NewDeadLetter {
    let letter = NewDeadLetter {
        id: DeadLetterId::from_uuid(Uuid::now_v7()),
        kind: DeadLetterKind::Delivery,
        reason: "exhausted".to_owned(),
        detail: String::new(),
        origin: "posthaste.dispatch.retry.00".to_owned(),
        tenant: Some(report.tenant),
        event: Some(report.event),
        delivery: Some(report.delivery.id),
        endpoint: Some(report.delivery.endpoint),
        event_type: Some(report.event_type.clone()),
        event_day: Some(report.day()),
        content_type: Some("application/x-protobuf".to_owned()),
        message_kind: Some("posthaste.v1.Batch+Dispatch".to_owned()),
        message_id: None,
        body: Bytes::from_static(b"\xff its message"),
        headers: "{}".to_owned(),
    };
    let letters = std::slice::from_ref(&letter);
    world.store.insert_dead_letters(letters).await.unwrap();
    letter
}

/// The standing of what was given up at once.
pub(crate) const DEAD: Standing = Standing::Dead {
    attempt: AttemptNumber::FIRST,
    reason: DeadReason::Exhausted,
};

/// Records an event that matched this endpoint, of whose delivery nobody has reported; gives it.
pub(crate) async fn unreported(world: &World, tenant: &Tenant, endpoint: &Value) -> EventId {
    let event = event(tenant);
    let id = event.id;
    let new = NewEvent {
        event,
        endpoints: vec![text(endpoint, "id").parse().unwrap()],
    };
    world.store.record(&[new]).await.unwrap();
    id
}

/// The standing of what arrived at once.
pub(crate) const DELIVERED: Standing = Standing::Delivered {
    attempt: AttemptNumber::FIRST,
};

/// The standing of what was held before its second attempt.
pub(crate) const HELD: Standing = Standing::Held {
    attempt: AttemptNumber::FIRST.next(),
};

fn attempt(standing: Standing, at: OffsetDateTime) -> Option<AttemptReport> {
    matches!(standing, Standing::Delivered { .. }).then(|| AttemptReport {
        number: standing.attempt(),
        started_at: at,
        duration: Duration::from_millis(12),
        observed: Observed::Answered {
            status: 200,
            retry_after: None,
        },
        answer: Bytes::from_static(b"<b>thanks</b>"),
        extent: Extent::Truncated,
    })
}

/// Records an event of this type and payload that matched these endpoints.
pub(crate) async fn recorded(
    world: &World,
    tenant: &Tenant,
    event_type: &str,
    data: &'static str,
    endpoints: &[EndpointId],
) -> EventId {
    let event = Event {
        event_type: event_type.parse().unwrap(),
        data: Bytes::from_static(data.as_bytes()),
        ..event(tenant)
    };
    let id = event.id;
    let endpoints = endpoints.to_vec();
    world
        .store
        .record(&[NewEvent { event, endpoints }])
        .await
        .unwrap();
    id
}

/// An event of this tenant, not recorded yet.
pub(crate) fn event(tenant: &Tenant) -> Event {
    let now = OffsetDateTime::now_utc();
    // What the record keeps of an instant: microseconds.
    let now = now.replace_nanosecond(now.microsecond() * 1_000).unwrap();
    Event {
        id: EventId::from_uuid(Uuid::now_v7()),
        ingest_id: IngestId::from_uuid(Uuid::new_v4()),
        tenant: tenant.id,
        event_type: "shipment.created".parse().unwrap(),
        data: Bytes::from_static(DATA),
        timestamp: now,
        accepted_at: now,
        channels: vec!["region:eu".parse().unwrap()],
        identity: Identity::Minted,
        violations: Vec::new(),
        trace: TraceContext::default(),
    }
}
