//! Deliveries: what became of an event at one of its endpoints.

use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::{DeadReason, Delivery, State};
use domain::event_type::EventType;
use domain::id::{DeliveryId, EventId, TenantId};
use domain::report::Standing;
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::events::StoredEvent;
use crate::fence::fence;
use crate::page::{Cursor, Page, PageRequest};
use crate::pool::Store;
use crate::sql::{execute, get, id, named, optional_id, parsed, row, rows};

mod search;

pub use search::{By, Search};

/// A delivery as the record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// The delivery.
    pub delivery: Delivery,
    /// Its event.
    pub event: EventId,
    /// Its event's type.
    pub event_type: EventType,
    /// Whose it is.
    pub tenant: TenantId,
    /// The UTC day of the event's acceptance, the partition of its rows.
    pub day: Date,
    /// Where it stands.
    pub standing: Standing,
    /// When it came to stand there.
    pub updated_at: OffsetDateTime,
    /// Its last attempt, if one was made.
    pub last_attempt: Option<LastAttempt>,
}

/// What a list shows of a delivery's last attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// Which attempt.
    pub number: AttemptNumber,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// The status code, where there was an answer.
    pub status: Option<u16>,
    /// `delivered`, `http_error`, or the [`domain::outcome::Failure`]'s name.
    pub outcome: String,
}

impl Store {
    /// A tenant's delivery.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of this id, or no longer; also before
    /// its first report.
    pub async fn delivery(
        &self,
        tenant: TenantId,
        delivery: DeliveryId,
    ) -> Result<DeliveryRecord, StoreError> {
        const GET: &str = "-- delivery_get
            select d.day, d.id, d.tenant_id, d.event_id, d.endpoint_id, d.event_type, d.state,
                   d.attempt, d.next_attempt_at, d.dead_reason, d.trigger, d.replay_of,
                   d.updated_at, a.attempt as last_attempt, a.started_at, a.status, a.outcome
            from deliveries d
            left join lateral (
                select attempt, started_at, status, outcome from attempts
                where delivery_id = d.id and day = d.day order by attempt desc limit 1
            ) a on true
            where d.id = $1 and d.tenant_id = $2
            order by d.day desc limit 1";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let found = row(&fenced, GET, &[&delivery.uuid(), &tenant.uuid()]).await?;
            delivery_record(&found.ok_or(StoreError::NotFound)?)
        })
        .await
    }

    /// The deliveries of an event, in the order of their ids. Those of its endpoints that have
    /// not reported yet are not among them: the event says which it matched.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn deliveries_of_event(
        &self,
        tenant: TenantId,
        event: EventId,
        page: PageRequest,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        const LIST: &str = "-- deliveries_by_event
            select d.day, d.id, d.tenant_id, d.event_id, d.endpoint_id, d.event_type, d.state,
                   d.attempt, d.next_attempt_at, d.dead_reason, d.trigger, d.replay_of,
                   d.updated_at, a.attempt as last_attempt, a.started_at, a.status, a.outcome
            from deliveries d
            left join lateral (
                select attempt, started_at, status, outcome from attempts
                where delivery_id = d.id and day = d.day order by attempt desc limit 1
            ) a on true
            where d.event_id = $1 and d.tenant_id = $2 and d.id > $3
            order by d.id limit $4";
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let (event, tenant, after) = (event.uuid(), tenant.uuid(), page.above());
            let found = rows(&fenced, LIST, &[&event, &tenant, &after, &page.limit()]).await?;
            let found: Result<_, _> = found.iter().map(delivery_record).collect();
            Ok(Page::new(found?, page, |one| Cursor {
                at: one.updated_at,
                id: one.delivery.id.uuid(),
            }))
        })
        .await
    }

    /// Records a replay before it is published: waiting, its first attempt due at `at`. Doing so
    /// again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::MissingPartition`] when the event's day was dropped,
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn insert_replay(
        &self,
        replay: &Delivery,
        event: &StoredEvent,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const INSERT: &str = "-- delivery_insert_replay
            insert into deliveries (day, id, tenant_id, event_id, endpoint_id, event_type, state,
                                    attempt, next_attempt_at, dead_reason, rank, trigger, replay_of,
                                    updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, null, $10, $11, $12, $9)
            on conflict (id, day) do nothing";
        let standing = Standing::Waiting {
            attempt: AttemptNumber::FIRST,
            next_attempt_at: at,
        };
        let event_id = event.summary.id.uuid();
        self.bounded(async {
            let client = self.client().await?;
            execute(
                &client,
                INSERT,
                &[
                    &event.day(),
                    &replay.id.uuid(),
                    &event.summary.tenant.uuid(),
                    &event_id,
                    &replay.endpoint.uuid(),
                    &event.summary.event_type.as_str(),
                    &standing.state().as_str(),
                    &i32::from(standing.attempt().get()),
                    &at,
                    &i64::from(standing.rank()),
                    &replay.trigger.as_str(),
                    &replay.replay_of.map(DeliveryId::uuid),
                ],
            )
            .await?;
            Ok(())
        })
        .await
    }
}

/// Reads a row with the columns of [`DeliveryRecord`].
pub(crate) fn delivery_record(row: &Row) -> Result<DeliveryRecord, StoreError> {
    Ok(DeliveryRecord {
        delivery: delivery_named(row, "id")?,
        event: id(row, "event_id")?,
        event_type: parsed(row, "event_type")?,
        tenant: id(row, "tenant_id")?,
        day: get(row, "day")?,
        standing: standing(row)?,
        updated_at: get(row, "updated_at")?,
        last_attempt: last_attempt(row)?,
    })
}

/// Reads the columns that name a delivery; its id is in `column`.
pub(crate) fn delivery_named(row: &Row, column: &'static str) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: id(row, column)?,
        endpoint: id(row, "endpoint_id")?,
        trigger: named(row, "trigger", Trigger::from_name)?,
        replay_of: optional_id(row, "replay_of")?,
    })
}

fn standing(row: &Row) -> Result<Standing, StoreError> {
    let attempt = number(get(row, "attempt")?)?;
    Ok(match named(row, "state", State::from_name)? {
        State::Waiting => Standing::Waiting {
            attempt,
            next_attempt_at: get(row, "next_attempt_at")?,
        },
        State::Delivered => Standing::Delivered { attempt },
        State::Dead => Standing::Dead {
            attempt,
            reason: named(row, "dead_reason", DeadReason::from_name)?,
        },
        State::Held => Standing::Held { attempt },
        State::Cancelled => Standing::Cancelled { attempt },
    })
}

fn last_attempt(row: &Row) -> Result<Option<LastAttempt>, StoreError> {
    let Some(last) = get::<Option<i32>>(row, "last_attempt")? else {
        return Ok(None);
    };
    Ok(Some(LastAttempt {
        number: number(last)?,
        started_at: get(row, "started_at")?,
        status: status(row)?,
        outcome: get(row, "outcome")?,
    }))
}

/// An attempt's number, as a column holds it.
pub(crate) fn number(column: i32) -> Result<AttemptNumber, StoreError> {
    u32::try_from(column)
        .ok()
        .and_then(AttemptNumber::new)
        .ok_or_else(|| StoreError::unreadable("attempt"))
}

/// A status code, as a column holds it.
pub(crate) fn status(row: &Row) -> Result<Option<u16>, StoreError> {
    let status: Option<i32> = get(row, "status")?;
    status
        .map(|status| u16::try_from(status).map_err(|_| StoreError::unreadable("status")))
        .transpose()
}
