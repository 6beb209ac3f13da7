//! Events as fan-out recorded them.

use bytes::Bytes;
use domain::dispatch::{Content, Payload};
use domain::event::Channel;
use domain::event_type::EventType;
use domain::id::{EndpointId, EventId, TenantId};
use domain::schema::Violation;
use domain::trace::TraceContext;
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::StoreError;
use crate::fence::fence;
use crate::pool::Store;
use crate::sql::{all_parsed, get, id, parsed, row};

pub use record::{NewEvent, Recorded};
pub use search::Sought;
pub use verdict::{Fingerprint, Verdict};

mod record;
mod search;
mod verdict;
mod violations;

/// An event without its payload, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSummary {
    /// The event.
    pub id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What kind of event it is.
    pub event_type: EventType,
    /// When it happened.
    pub timestamp: OffsetDateTime,
    /// When it was accepted; its UTC day is the partition of all its rows.
    pub accepted_at: OffsetDateTime,
    /// Its labels.
    pub channels: Vec<Channel>,
    /// The endpoints that it matched.
    pub endpoints: Vec<EndpointId>,
    /// The size of its payload, in bytes.
    pub data_bytes: u32,
}

impl EventSummary {
    /// The day that is the partition of all its rows.
    #[must_use]
    pub fn day(&self) -> Date {
        self.accepted_at.to_utc().date()
    }
}

/// An event with its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// All but its payload.
    pub summary: EventSummary,
    /// The payload: JSON text, byte for byte as published.
    pub data: Bytes,
    /// The publisher's trace.
    pub trace: TraceContext,
}

/// An event without its payload, as it is shown alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDetail {
    /// What lists show too.
    pub summary: EventSummary,
    /// How the payload violates the schema of its type, where that was recorded.
    pub violations: Vec<Violation>,
    /// What is known of its publisher's idempotency key; none where it had none.
    pub key: Option<Keyed>,
    /// Its trace, as W3C Trace Context has it; empty where it has none.
    pub traceparent: String,
}

/// What is known of an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyed {
    /// Until when repeats under it are dropped; none when its window is over.
    pub expires_at: Option<OffsetDateTime>,
    /// How often it came again with another type or payload.
    pub conflicts: u32,
}

impl StoredEvent {
    /// The day that is the partition of all its rows.
    #[must_use]
    pub fn day(&self) -> Date {
        self.summary.day()
    }

    /// What a delivery of it carries; a payload over [`domain::limits::INLINE_PAYLOAD_BYTES`] by
    /// reference.
    #[must_use]
    pub fn content(&self) -> Content {
        Content {
            event: self.summary.id,
            tenant: self.summary.tenant,
            event_type: self.summary.event_type.clone(),
            timestamp: self.summary.timestamp,
            accepted_at: self.summary.accepted_at,
            payload: Payload::of(&self.data),
            trace: self.trace.clone(),
        }
    }
}

impl Store {
    /// A tenant's event.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of this id, or no longer.
    pub async fn event(&self, tenant: TenantId, event: EventId) -> Result<StoredEvent, StoreError> {
        const GET: &str = "-- event_get
            select id, tenant_id, event_type, occurred_at, accepted_at, channels, endpoints,
                   octet_length(data) as data_bytes, data, traceparent, tracestate
            from events where id = $1 and tenant_id = $2
            order by accepted_at desc limit 1";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let found = row(&fenced, GET, &[&event.uuid(), &tenant.uuid()]).await?;
            stored_event(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// A tenant's event without its payload.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of this id, or no longer.
    pub async fn event_detail(
        &self,
        tenant: TenantId,
        event: EventId,
    ) -> Result<EventDetail, StoreError> {
        const DETAIL: &str = "-- event_detail
            select e.id, e.tenant_id, e.event_type, e.occurred_at, e.accepted_at, e.channels,
                   e.endpoints, octet_length(e.data) as data_bytes, e.violations, e.keyed,
                   e.traceparent, k.expires_at, coalesce(k.conflicts, 0) as conflicts
            from events e
            left join idempotency_keys k on k.event_id = e.id and k.tenant_id = e.tenant_id
            where e.id = $1 and e.tenant_id = $2
            order by e.accepted_at desc limit 1";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let found = row(&fenced, DETAIL, &[&event.uuid(), &tenant.uuid()]).await?;
            let found = found.ok_or(StoreError::NotFound)?;
            Ok(EventDetail {
                summary: summary(&found)?,
                violations: violations::from_column(get(&found, "violations")?)?,
                key: keyed(&found)?,
                traceparent: get(&found, "traceparent")?,
            })
        })
        .await
    }

    /// The payload of an event accepted on this UTC day; none when the record no longer has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn payload(&self, event: EventId, day: Date) -> Result<Option<Bytes>, StoreError> {
        const PAYLOAD: &str = "-- event_payload
            select data from events where id = $1 and day = $2";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, PAYLOAD, &[&event.uuid(), &day]).await?;
            found.map(|row| data(&row)).transpose()
        })
        .await
    }
}

/// Reads a row with the columns of [`EventSummary`].
fn summary(row: &Row) -> Result<EventSummary, StoreError> {
    let bytes: i32 = get(row, "data_bytes")?;
    Ok(EventSummary {
        id: id(row, "id")?,
        tenant: id(row, "tenant_id")?,
        event_type: parsed(row, "event_type")?,
        timestamp: get(row, "occurred_at")?,
        accepted_at: get(row, "accepted_at")?,
        channels: all_parsed(row, "channels")?,
        endpoints: endpoints(row)?,
        data_bytes: bytes.unsigned_abs(),
    })
}

fn keyed(row: &Row) -> Result<Option<Keyed>, StoreError> {
    if !get::<bool>(row, "keyed")? {
        return Ok(None);
    }
    let conflicts: i32 = get(row, "conflicts")?;
    Ok(Some(Keyed {
        expires_at: get(row, "expires_at")?,
        conflicts: conflicts.unsigned_abs(),
    }))
}

/// Reads a row with the columns of [`StoredEvent`].
pub(crate) fn stored_event(row: &Row) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        summary: summary(row)?,
        data: data(row)?,
        trace: TraceContext {
            traceparent: get(row, "traceparent")?,
            tracestate: get(row, "tracestate")?,
        },
    })
}

fn endpoints(row: &Row) -> Result<Vec<EndpointId>, StoreError> {
    let uuids: Vec<Uuid> = get(row, "endpoints")?;
    Ok(uuids.into_iter().map(EndpointId::from_uuid).collect())
}

fn data(row: &Row) -> Result<Bytes, StoreError> {
    Ok(Bytes::copy_from_slice(get(row, "data")?))
}
