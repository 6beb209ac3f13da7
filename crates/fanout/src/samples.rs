//! Events for the tests of this crate.

use bytes::Bytes;
use domain::event::{Event, Identity};
use domain::id::{EventId, IngestId, TenantId};
use domain::trace::TraceContext;
use time::OffsetDateTime;
use uuid::Uuid;

/// An event whose id is this number.
pub(crate) fn event(number: u128) -> Event {
    Event {
        id: EventId::from_uuid(Uuid::from_u128(number)),
        ingest_id: IngestId::from_uuid(Uuid::nil()),
        tenant: TenantId::from_uuid(Uuid::nil()),
        event_type: "shipment.created".parse().unwrap(),
        data: Bytes::from_static(b"{}"),
        timestamp: OffsetDateTime::UNIX_EPOCH,
        accepted_at: OffsetDateTime::UNIX_EPOCH,
        channels: Vec::new(),
        identity: Identity::Minted,
        violations: Vec::new(),
        trace: TraceContext {
            traceparent: number.to_string(),
            tracestate: String::new(),
        },
    }
}
