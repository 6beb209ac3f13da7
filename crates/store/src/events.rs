//! Events as fan-out recorded them.

use bytes::Bytes;
use domain::dispatch::{Content, Payload};
use domain::event::Channel;
use domain::event_type::EventType;
use domain::id::{EndpointId, EventId, TenantId};
use domain::limits;
use domain::schema::Violation;
use domain::trace::TraceContext;
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{all_parsed, get, id, parsed, row, rows};

pub use record::NewEvent;
pub use verdict::{Fingerprint, Verdict};

mod record;
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
}

impl StoredEvent {
    /// The day that is the partition of all its rows.
    #[must_use]
    pub fn day(&self) -> Date {
        self.summary.day()
    }

    /// What a delivery of it carries; a payload over [`limits::INLINE_PAYLOAD_BYTES`] by
    /// reference.
    #[must_use]
    pub fn content(&self) -> Content {
        let payload = if self.data.len() > limits::INLINE_PAYLOAD_BYTES {
            Payload::Stored
        } else {
            Payload::Inline(self.data.clone())
        };
        Content {
            event: self.summary.id,
            tenant: self.summary.tenant,
            event_type: self.summary.event_type.clone(),
            timestamp: self.summary.timestamp,
            accepted_at: self.summary.accepted_at,
            payload,
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
            let client = self.client().await?;
            let found = row(&client, GET, &[&event.uuid(), &tenant.uuid()]).await?;
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
            select id, tenant_id, event_type, occurred_at, accepted_at, channels, endpoints,
                   octet_length(data) as data_bytes, violations
            from events where id = $1 and tenant_id = $2
            order by accepted_at desc limit 1";
        self.bounded(async {
            let client = self.client().await?;
            let found = row(&client, DETAIL, &[&event.uuid(), &tenant.uuid()]).await?;
            let found = found.ok_or(StoreError::NotFound)?;
            Ok(EventDetail {
                summary: summary(&found)?,
                violations: violations::from_column(get(&found, "violations")?)?,
            })
        })
        .await
    }

    /// A tenant's events, of one type or of all, the newest acceptance first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn events(
        &self,
        tenant: TenantId,
        event_type: Option<&EventType>,
        page: PageRequest,
    ) -> Result<Page<EventSummary>, StoreError> {
        const LIST: &str = "-- events_list
            select id, tenant_id, event_type, occurred_at, accepted_at, channels, endpoints,
                   octet_length(data) as data_bytes
            from events
            where tenant_id = $1 and (accepted_at, id) < ($2, $3) and day <= $4
            order by accepted_at desc, id desc limit $5";
        const LIST_TYPE: &str = "-- events_list_by_type
            select id, tenant_id, event_type, occurred_at, accepted_at, channels, endpoints,
                   octet_length(data) as data_bytes
            from events
            where tenant_id = $1 and (accepted_at, id) < ($2, $3) and day <= $4
              and event_type = $6
            order by accepted_at desc, id desc limit $5";
        self.bounded(async {
            let client = self.client().await?;
            let Cursor { at, id } = page.below();
            let (tenant, day, limit) = (tenant.uuid(), at.to_utc().date(), page.limit());
            let found = match event_type.map(EventType::as_str) {
                None => rows(&client, LIST, &[&tenant, &at, &id, &day, &limit]).await?,
                Some(name) => {
                    rows(
                        &client,
                        LIST_TYPE,
                        &[&tenant, &at, &id, &day, &limit, &name],
                    )
                    .await?
                }
            };
            let found: Result<_, _> = found.iter().map(summary).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.accepted_at,
                id: one.id.uuid(),
            }))
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
