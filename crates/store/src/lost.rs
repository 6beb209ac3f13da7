//! Deliveries that no queue holds any more: found, and sent again.
//!
//! What counts as lost is decided in [`domain::loss`]; here it is looked up in order, a batch at a
//! time. First deliveries without a row are looked for in the minutes whose counts differ, the
//! others by the instant that they were due at: what is not lost is not read.

use std::future::Future;
use std::time::Duration;

use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::{Delivery, Due};
use domain::id::{DeliveryId, EndpointId, TenantId};
use domain::report::Standing;
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::deliveries::{delivery_named, number};
use crate::error::StoreError;
use crate::events::stored_event;
use crate::held::Release;
use crate::page::Cursor;
use crate::pool::Store;
use crate::sql::{execute, get, id, row, rows, uuids};

/// How long a batch may take from being read to being marked, its publishing included.
const BATCH_LIMIT: Duration = Duration::from_secs(45);

/// How many minutes are listed at once.
const MINUTES_AT_ONCE: i64 = 1_000;

/// A tenant's events of a minute of acceptance, not all of whose deliveries have a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenMinute {
    /// Whose.
    pub tenant: TenantId,
    /// The minute's beginning.
    pub minute: OffsetDateTime,
}

impl OpenMinute {
    fn day(&self) -> Date {
        self.minute.to_utc().date()
    }
}

/// A batch that was sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// How many were found.
    pub found: usize,
    /// How many of them the broker has confirmed.
    pub published: usize,
    /// Where the next batch begins; none when this was the last.
    pub next: Option<Cursor>,
}

impl Store {
    /// Minutes with first deliveries that have no row, of those in which nothing was moved since
    /// `before`; at most 1,000, in the order of tenant and minute, beginning after the one given.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn open_minutes(
        &self,
        before: OffsetDateTime,
        after: Option<OpenMinute>,
    ) -> Result<Vec<OpenMinute>, StoreError> {
        const LIST: &str = "-- ledger_minutes_open
            select tenant_id, minute from ledger_minutes
            where is_open and matched > reported and last_moved_at < $1
              and ($2::uuid is null or (tenant_id, minute) > ($2, $3::timestamptz))
            order by tenant_id, minute limit $4";
        let tenant = after.map(|one| one.tenant.uuid());
        let minute = after.map(|one| one.minute);
        self.bounded(async {
            let client = self.client().await?;
            let params = &[
                &before as _,
                &tenant as _,
                &minute as _,
                &MINUTES_AT_ONCE as _,
            ];
            let found = rows(&client, LIST, params).await?;
            let open = |row| {
                Ok(OpenMinute {
                    tenant: id(row, "tenant_id")?,
                    minute: get(row, "minute")?,
                })
            };
            found.iter().map(open).collect()
        })
        .await
    }

    /// How many first deliveries of a minute have no row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn count_unreported(&self, minute: OpenMinute) -> Result<u64, StoreError> {
        // An event's deliveries are looked up once, by the event: an endpoint may have millions.
        const COUNT: &str = "-- unreported_count
            select count(*) as lost
            from events e
            cross join lateral (
                select array(
                    select d.endpoint_id from deliveries d
                    where d.event_id = e.id and d.day = e.day and d.trigger = 'automatic'
                ) as endpoints
                offset 0
            ) r
            cross join unnest(e.endpoints) as u (endpoint_id)
            where e.tenant_id = $1 and e.day = $2
              and e.accepted_at >= $3 and e.accepted_at < $3 + interval '1 minute'
              and u.endpoint_id <> all (r.endpoints)";
        self.bounded(async {
            let client = self.client().await?;
            let params = &[
                &minute.tenant.uuid() as _,
                &minute.day() as _,
                &minute.minute as _,
            ];
            let lost: i64 = row(&client, COUNT, params)
                .await?
                .map_or(Ok(0), |row| get(&row, "lost"))?;
            Ok(lost.unsigned_abs())
        })
        .await
    }

    /// Sends first deliveries of a minute that have no row, at most `limit` of them, in the order
    /// of acceptance from `from` on.
    ///
    /// `publish` gives those that the broker has confirmed, and these get a row: waiting, due now.
    /// A kill in between sends some twice, under the same ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is, or all of it takes more than 45 s: none
    /// has a row then.
    pub async fn send_unreported<F, P>(
        &self,
        minute: OpenMinute,
        from: Cursor,
        limit: u16,
        publish: F,
    ) -> Result<Batch, StoreError>
    where
        F: FnOnce(Vec<Release>) -> P,
        P: Future<Output = Vec<DeliveryId>>,
    {
        // Nobody else may send the same meanwhile, and there are no rows to lock. An event's
        // deliveries are looked up once, by the event: an endpoint may have millions.
        const LOCK: &str = "-- unreported_lock
            select pg_advisory_xact_lock(123145302)";
        const TAKE: &str = "-- unreported_take
            with taken as materialized (
                select e.id, e.day, e.accepted_at, u.endpoint_id
                from events e
                cross join lateral (
                    select array(
                        select d.endpoint_id from deliveries d
                        where d.event_id = e.id and d.day = e.day and d.trigger = 'automatic'
                    ) as endpoints
                    offset 0
                ) r
                cross join unnest(e.endpoints) as u (endpoint_id)
                where e.tenant_id = $1 and e.day = $2
                  and e.accepted_at >= $3 and e.accepted_at < $3 + interval '1 minute'
                  and (e.accepted_at, e.id) >= ($4, $5)
                  and u.endpoint_id <> all (r.endpoints)
                order by e.accepted_at, e.id, u.endpoint_id limit $6
            )
            select t.endpoint_id, e.id, e.tenant_id, e.event_type, e.occurred_at, e.accepted_at,
                   e.channels, e.endpoints, octet_length(e.data) as data_bytes, e.data,
                   e.traceparent, e.tracestate
            from taken t join events e on e.id = t.id and e.day = t.day
            order by t.accepted_at, t.id, t.endpoint_id";
        self.batch(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            execute(&transaction, LOCK, &[]).await?;
            let (tenant, day) = (minute.tenant.uuid(), minute.day());
            let found = rows(
                &transaction,
                TAKE,
                &[
                    &tenant,
                    &day,
                    &minute.minute,
                    &from.at,
                    &from.id,
                    &i64::from(limit),
                ],
            )
            .await?;
            let lost: Vec<Release> = found.iter().map(unreported).collect::<Result<_, _>>()?;
            let batch = Batch {
                found: lost.len(),
                published: 0,
                next: next(&lost, limit),
            };
            if lost.is_empty() {
                return Ok(batch);
            }
            let published = publish(lost.clone()).await;
            let sent: Vec<&Release> = lost
                .iter()
                .filter(|one| published.contains(&one.due.delivery.id))
                .collect();
            insert(&transaction, &sent, OffsetDateTime::now_utc()).await?;
            transaction.commit().await?;
            Ok(Batch {
                published: sent.len(),
                ..batch
            })
        })
        .await
    }

    /// How many deliveries wait for an attempt that was due before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn count_overdue(&self, before: OffsetDateTime) -> Result<u64, StoreError> {
        const COUNT: &str = "-- overdue_count
            select count(*) as lost from deliveries
            where state = 'waiting' and next_attempt_at < $1";
        self.bounded(async {
            let client = self.client().await?;
            let lost: i64 = row(&client, COUNT, &[&before])
                .await?
                .map_or(Ok(0), |row| get(&row, "lost"))?;
            Ok(lost.unsigned_abs())
        })
        .await
    }

    /// Sends deliveries that wait for an attempt which was due before, at most `limit` of them, the
    /// longest overdue first. They are marked due now; otherwise see [`Store::send_unreported`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is, or all of it takes more than 45 s: none
    /// is marked then.
    pub async fn send_overdue<F, P>(
        &self,
        before: OffsetDateTime,
        limit: u16,
        publish: F,
    ) -> Result<Batch, StoreError>
    where
        F: FnOnce(Vec<Release>) -> P,
        P: Future<Output = Vec<DeliveryId>>,
    {
        const TAKE: &str = "-- overdue_take
            with taken as materialized (
                select day, id, event_id, endpoint_id, trigger, replay_of, attempt,
                       next_attempt_at
                from deliveries where state = 'waiting' and next_attempt_at < $1
                order by next_attempt_at, id limit $2
                for update skip locked
            )
            select t.id as delivery_id, t.endpoint_id, t.trigger, t.replay_of, t.attempt,
                   e.id, e.tenant_id, e.event_type, e.occurred_at, e.accepted_at, e.channels,
                   e.endpoints, octet_length(e.data) as data_bytes, e.data, e.traceparent,
                   e.tracestate
            from taken t join events e on e.id = t.event_id and e.day = t.day
            order by t.next_attempt_at, t.id";
        const MARK: &str = "-- overdue_mark_sent
            update deliveries
            set next_attempt_at = $3, updated_at = greatest(updated_at, $3)
            where id = any($1) and day = any($2) and state = 'waiting'";
        self.batch(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let found = rows(&transaction, TAKE, &[&before, &i64::from(limit)]).await?;
            let lost: Vec<Release> = found.iter().map(overdue).collect::<Result<_, _>>()?;
            if lost.is_empty() {
                return Ok(Batch::default());
            }
            let batch = Batch {
                found: lost.len(),
                published: 0,
                next: next(&lost, limit),
            };
            let days: Vec<_> = lost.iter().map(|one| one.event.day()).collect();
            let published = publish(lost).await;
            let ids = uuids(published.iter().copied());
            let now = OffsetDateTime::now_utc();
            execute(&transaction, MARK, &[&ids, &days, &now]).await?;
            transaction.commit().await?;
            Ok(Batch {
                published: published.len(),
                ..batch
            })
        })
        .await
    }

    async fn batch(
        &self,
        work: impl Future<Output = Result<Batch, StoreError>>,
    ) -> Result<Batch, StoreError> {
        tokio::time::timeout(BATCH_LIMIT, work)
            .await
            .map_err(StoreError::elapsed)?
    }
}

/// Where the next batch begins, unless this one was not full: at the last one's event, which may
/// have more endpoints.
fn next(lost: &[Release], limit: u16) -> Option<Cursor> {
    let last = lost.last().filter(|_| lost.len() >= usize::from(limit))?;
    Some(Cursor {
        at: last.event.summary.accepted_at,
        id: last.event.summary.id.uuid(),
    })
}

fn unreported(row: &Row) -> Result<Release, StoreError> {
    let event = stored_event(row)?;
    let endpoint: EndpointId = id(row, "endpoint_id")?;
    Ok(Release {
        due: Due {
            delivery: Delivery {
                id: DeliveryId::first(event.summary.id, endpoint),
                endpoint,
                trigger: Trigger::Automatic,
                replay_of: None,
            },
            attempt: AttemptNumber::FIRST,
        },
        event,
    })
}

fn overdue(row: &Row) -> Result<Release, StoreError> {
    Ok(Release {
        due: Due {
            delivery: delivery_named(row, "delivery_id")?,
            attempt: number(get(row, "attempt")?)?,
        },
        event: stored_event(row)?,
    })
}

/// Gives first deliveries their rows: waiting, due at `at`. One that got its row meanwhile keeps it.
async fn insert(
    transaction: &deadpool_postgres::Transaction<'_>,
    sent: &[&Release],
    at: OffsetDateTime,
) -> Result<(), StoreError> {
    const INSERT: &str = "-- unreported_insert
        insert into deliveries (day, id, tenant_id, event_id, endpoint_id, event_type, state,
                                attempt, next_attempt_at, dead_reason, rank, trigger, replay_of,
                                updated_at, accepted_at)
        select u.day, u.id, u.tenant_id, u.event_id, u.endpoint_id, u.event_type, $8, $9, $10, null,
               $11, $12, null, $10, u.accepted_at
        from unnest($1::date[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
                    $7::timestamptz[])
             with ordinality
             as u (day, id, tenant_id, event_id, endpoint_id, event_type, accepted_at, position)
        order by u.position
        on conflict (id, day) do nothing";
    let standing = Standing::Waiting {
        attempt: AttemptNumber::FIRST,
        next_attempt_at: at,
    };
    let column =
        |of: fn(&Release) -> Uuid| -> Vec<Uuid> { sent.iter().map(|one| of(one)).collect() };
    let days: Vec<_> = sent.iter().map(|one| one.event.day()).collect();
    let types: Vec<_> = sent
        .iter()
        .map(|one| one.event.summary.event_type.as_str())
        .collect();
    let accepted: Vec<_> = sent
        .iter()
        .map(|one| one.event.summary.accepted_at)
        .collect();
    execute(
        transaction,
        INSERT,
        &[
            &days,
            &column(|one| one.due.delivery.id.uuid()),
            &column(|one| one.event.summary.tenant.uuid()),
            &column(|one| one.event.summary.id.uuid()),
            &column(|one| one.due.delivery.endpoint.uuid()),
            &types,
            &accepted,
            &standing.state().as_str(),
            &i32::from(standing.attempt().get()),
            &at,
            &i64::from(standing.rank()),
            &Trigger::Automatic.as_str(),
        ],
    )
    .await?;
    Ok(())
}
