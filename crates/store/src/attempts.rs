//! Attempts: every POST that was made, with what came back.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use domain::attempt::AttemptNumber;
use domain::dispatch::Dispatch;
use domain::id::{DeliveryId, EndpointId, EventId, TenantId};
use domain::limits;
use domain::report::Extent;
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;

use crate::deliveries::{number, status};
use crate::error::StoreError;
use crate::fence::fence;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{get, id, rows};

/// What `outcome` holds of an attempt that arrived.
pub const DELIVERED: &str = "delivered";

/// What `outcome` holds of an attempt that was answered with anything but success.
pub const HTTP_ERROR: &str = "http_error";

/// An attempt as the record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Its delivery.
    pub delivery: DeliveryId,
    /// Which attempt of it.
    pub number: AttemptNumber,
    /// Its event.
    pub event: EventId,
    /// Where it went.
    pub endpoint: EndpointId,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// How long it took, to the millisecond.
    pub duration: Duration,
    /// The status code, where there was an answer.
    pub status: Option<u16>,
    /// [`DELIVERED`], [`HTTP_ERROR`], or the [`domain::outcome::Failure`]'s name.
    pub outcome: String,
    /// The beginning of the answer's body, as it came: bytes of a stranger.
    pub answer: Bytes,
    /// Whether there was more of it.
    pub extent: Extent,
}

/// One attempt, where the record has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptKey {
    /// Its delivery.
    pub delivery: DeliveryId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// The UTC day on which its event was accepted, which is the partition of its row.
    pub day: Date,
}

impl AttemptKey {
    /// The attempt that this dispatch is to make.
    #[must_use]
    pub fn of(dispatch: &Dispatch) -> Self {
        Self {
            delivery: dispatch.due.delivery.id,
            attempt: dispatch.due.attempt,
            day: dispatch.content.accepted_at.to_utc().date(),
        }
    }
}

impl Store {
    /// Which of these attempts the record has; asked before anything is sent that may have been
    /// sent before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn attempts_settled(
        &self,
        asked: &[AttemptKey],
    ) -> Result<HashSet<AttemptKey>, StoreError> {
        const SETTLED: &str = "-- attempts_settled
            select a.delivery_id, a.attempt, a.day
            from unnest($1::uuid[], $2::int4[], $3::date[]) as asked (delivery_id, attempt, day)
            join attempts a using (delivery_id, attempt, day)";
        let ids: Vec<_> = asked.iter().map(|one| one.delivery.uuid()).collect();
        let numbers: Vec<_> = asked
            .iter()
            .map(|one| i32::from(one.attempt.get()))
            .collect();
        let days: Vec<_> = asked.iter().map(|one| one.day).collect();
        self.bounded(async {
            let client = self.client().await?;
            let found = rows(&client, SETTLED, &[&ids, &numbers, &days]).await?;
            found.iter().map(key).collect()
        })
        .await
    }

    /// The attempts of a tenant's delivery in their order, at most [`limits::ATTEMPTS`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn attempts_of_delivery(
        &self,
        tenant: TenantId,
        delivery: DeliveryId,
    ) -> Result<Vec<AttemptRecord>, StoreError> {
        const LIST: &str = "-- attempts_by_delivery
            select delivery_id, attempt, event_id, endpoint_id, started_at, duration_ms, status,
                   outcome, answer, answer_truncated
            from attempts where delivery_id = $1 and tenant_id = $2
            order by attempt limit $3";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let limit = i64::from(limits::ATTEMPTS);
            let found = rows(&fenced, LIST, &[&delivery.uuid(), &tenant.uuid(), &limit]).await?;
            found.iter().map(attempt).collect()
        })
        .await
    }

    /// The attempts at a tenant's endpoint, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn attempts_of_endpoint(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        page: PageRequest,
    ) -> Result<Page<AttemptRecord>, StoreError> {
        const LIST: &str = "-- attempts_by_endpoint
            select delivery_id, attempt, event_id, endpoint_id, started_at, duration_ms, status,
                   outcome, answer, answer_truncated
            from attempts
            where endpoint_id = $1 and tenant_id = $2 and (started_at, delivery_id) < ($3, $4)
            order by started_at desc, delivery_id desc limit $5";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let Cursor { at, id } = page.below();
            let (endpoint, tenant) = (endpoint.uuid(), tenant.uuid());
            let found = rows(
                &fenced,
                LIST,
                &[&endpoint, &tenant, &at, &id, &page.limit()],
            )
            .await?;
            let found: Result<_, _> = found.iter().map(attempt).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.started_at,
                id: one.delivery.uuid(),
            }))
        })
        .await
    }
}

fn key(row: &Row) -> Result<AttemptKey, StoreError> {
    Ok(AttemptKey {
        delivery: id(row, "delivery_id")?,
        attempt: number(get(row, "attempt")?)?,
        day: get(row, "day")?,
    })
}

fn attempt(row: &Row) -> Result<AttemptRecord, StoreError> {
    let duration_ms: i64 = get(row, "duration_ms")?;
    let truncated: bool = get(row, "answer_truncated")?;
    Ok(AttemptRecord {
        delivery: id(row, "delivery_id")?,
        number: number(get(row, "attempt")?)?,
        event: id(row, "event_id")?,
        endpoint: id(row, "endpoint_id")?,
        started_at: get(row, "started_at")?,
        duration: Duration::from_millis(duration_ms.unsigned_abs()),
        status: status(row)?,
        outcome: get(row, "outcome")?,
        answer: Bytes::copy_from_slice(get(row, "answer")?),
        extent: if truncated {
            Extent::Truncated
        } else {
            Extent::Whole
        },
    })
}
