//! The next deliveries of a replay, in an order that a cursor can go on in.
//!
//! **Invariant:** a step looks at [`LOOKED_AT`] rows at most, by an index, however few of them are
//! wanted: a step may find nothing and still move the cursor.

use domain::event::Channel;
use domain::event_type::EventType;
use domain::id::{DeadLetterId, DeliveryId, EndpointId, EventId, Id, TenantId};
use domain::replay::Failed;
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::page::Cursor;
use crate::pool::Store;
use crate::sql::{all_parsed, get, id, optional_id, parsed, row, rows, uuids};

/// The most rows that a step looks at.
pub const LOOKED_AT: i64 = 5_000;

/// A delivery that may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The delivery.
    pub original: DeliveryId,
    /// Its event.
    pub event: EventId,
    /// The UTC day of the event's acceptance, the partition of its rows.
    pub day: Date,
    /// Where it goes.
    pub endpoint: EndpointId,
    /// The dead letter that it was found by: it is dealt with by this replay or by none.
    pub letter: Option<DeadLetterId>,
}

/// An event that had no delivery to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// The event.
    pub event: EventId,
    /// The UTC day of its acceptance.
    pub day: Date,
    /// Its type.
    pub event_type: EventType,
    /// Its labels.
    pub channels: Vec<Channel>,
}

/// What a step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<T> {
    /// In the order of the cursor.
    pub found: Vec<T>,
    /// Where the next step begins; none when there is nothing more.
    pub next: Option<Cursor>,
}

/// Where a step begins, where the selection ends, and how much of it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Behind this place.
    pub after: Cursor,
    /// Before this instant.
    pub until: OffsetDateTime,
    /// At most so many.
    pub most: u16,
}

impl Reach {
    fn most(self) -> i64 {
        i64::from(self.most.max(1))
    }
}

impl Store {
    /// Deliveries of a tenant by their ids, in the order of these; the window does not count.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn replay_named(
        &self,
        tenant: TenantId,
        deliveries: &[DeliveryId],
        reach: Reach,
    ) -> Result<Step<Candidate>, StoreError> {
        const NAMED: &str = "-- replay_named
            select id as original, event_id, endpoint_id, day, null::uuid as letter,
                   $3::timestamptz as at, id as place
            from deliveries
            where id = any($1) and tenant_id = $2 and id > $4
            order by id limit $5";
        let Cursor { at, id: after } = reach.after;
        let (named, tenant) = (uuids(deliveries.iter().copied()), tenant.uuid());
        self.bounded(async {
            let client = self.client().await?;
            let most = reach.most();
            let found = rows(&client, NAMED, &[&named, &tenant, &at, &after, &most]).await?;
            step(found, most, candidate, None)
        })
        .await
    }

    /// What was settled at an endpoint, the longest settled first; of an event that was settled
    /// more than once before the end of the window, the last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn replay_everything(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        reach: Reach,
    ) -> Result<Step<Candidate>, StoreError> {
        // An event's deliveries are looked up by the event: an endpoint may have millions.
        const EVERYTHING: &str = "-- replay_everything
            select s.id as original, s.event_id, s.endpoint_id, s.day, null::uuid as letter,
                   s.updated_at as at, s.id as place
            from (
                select id, event_id, endpoint_id, day, state, updated_at from deliveries
                where endpoint_id = $1 and tenant_id = $2 and (updated_at, id) > ($3, $4)
                  and updated_at < $5
                order by updated_at, id limit $7
            ) s
            where s.state in ('delivered', 'dead') and not exists (
                select from (
                    select endpoint_id, state, updated_at, id from deliveries
                    where event_id = s.event_id and day = s.day offset 0
                ) x
                where x.endpoint_id = s.endpoint_id and x.state in ('delivered', 'dead')
                  and x.updated_at < $5 and (x.updated_at, x.id) > (s.updated_at, s.id)
            )
            order by s.updated_at, s.id limit $6";
        const END: &str = "-- replay_everything_end
            select updated_at as at, id as place from deliveries
            where endpoint_id = $1 and tenant_id = $2 and (updated_at, id) > ($3, $4)
              and updated_at < $5
            order by updated_at, id limit 1 offset $6";
        let Cursor { at, id: after } = reach.after;
        let (endpoint, tenant, until) = (endpoint.uuid(), tenant.uuid(), reach.until);
        self.bounded(async {
            let client = self.client().await?;
            let most = reach.most();
            let found = rows(
                &client,
                EVERYTHING,
                &[&endpoint, &tenant, &at, &after, &until, &most, &LOOKED_AT],
            )
            .await?;
            let end = if is_full(&found, most) {
                None
            } else {
                let last = LOOKED_AT - 1;
                row(
                    &client,
                    END,
                    &[&endpoint, &tenant, &at, &after, &until, &last],
                )
                .await?
            };
            step(found, most, candidate, end)
        })
        .await
    }

    /// A tenant's dead deliveries that nobody has dealt with, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn replay_failed(
        &self,
        tenant: TenantId,
        failed: &Failed,
        reach: Reach,
    ) -> Result<Step<Candidate>, StoreError> {
        // The day of a letter that was kept before it was noted is looked for.
        const FAILED: &str = "-- replay_failed
            select s.delivery_id as original, s.event_id, s.endpoint_id,
                   coalesce(s.event_day, (
                       select max(d.day) from deliveries d where d.id = s.delivery_id
                   ), s.created_at::date) as day,
                   s.id as letter, s.created_at as at, s.id as place
            from (
                select id, kind, reason, event_type, event_id, delivery_id, endpoint_id, event_day,
                       created_at
                from dead_letters
                where tenant_id = $1 and resolved_at is null and (created_at, id) > ($2, $3)
                  and created_at < $4
                order by created_at, id limit $9
            ) s
            where s.kind = 'delivery' and s.delivery_id is not null and s.event_id is not null
              and s.endpoint_id is not null
              and ($5::text is null or s.reason = $5)
              and ($6::uuid is null or s.endpoint_id = $6)
              and ($7::text is null or s.event_type = $7)
            order by s.created_at, s.id limit $8";
        const END: &str = "-- replay_failed_end
            select created_at as at, id as place from dead_letters
            where tenant_id = $1 and resolved_at is null and (created_at, id) > ($2, $3)
              and created_at < $4
            order by created_at, id limit 1 offset $5";
        let Cursor { at, id: after } = reach.after;
        let (tenant, until) = (tenant.uuid(), reach.until);
        let endpoint = failed.endpoint.map(Id::uuid);
        let event_type = failed.event_type.as_ref().map(EventType::as_str);
        self.bounded(async {
            let client = self.client().await?;
            let most = reach.most();
            let found = rows(
                &client,
                FAILED,
                &[
                    &tenant,
                    &at,
                    &after,
                    &until,
                    &failed.reason,
                    &endpoint,
                    &event_type,
                    &most,
                    &LOOKED_AT,
                ],
            )
            .await?;
            let end = if is_full(&found, most) {
                None
            } else {
                let last = LOOKED_AT - 1;
                row(&client, END, &[&tenant, &at, &after, &until, &last]).await?
            };
            step(found, most, candidate, end)
        })
        .await
    }

    /// A tenant's events that were never on their way to an endpoint, the oldest first. Whether
    /// the endpoint selects them is for the caller to say.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn replay_unsent(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        reach: Reach,
    ) -> Result<Step<Unsent>, StoreError> {
        // By the event, as above.
        const UNSENT: &str = "-- replay_unsent
            select s.id, s.day, s.event_type, s.channels, s.accepted_at as at, s.id as place
            from (
                select id, day, event_type, channels, endpoints, accepted_at from events
                where tenant_id = $1 and (accepted_at, id) > ($2, $3) and accepted_at < $4
                  and day between $5 and $6
                order by accepted_at, id limit $9
            ) s
            where not $7 = any(s.endpoints) and not exists (
                select from (
                    select endpoint_id from deliveries
                    where event_id = s.id and day = s.day offset 0
                ) x
                where x.endpoint_id = $7
            )
            order by s.accepted_at, s.id limit $8";
        const END: &str = "-- replay_unsent_end
            select accepted_at as at, id as place from events
            where tenant_id = $1 and (accepted_at, id) > ($2, $3) and accepted_at < $4
              and day between $5 and $6
            order by accepted_at, id limit 1 offset $7";
        let Cursor { at, id: after } = reach.after;
        let (tenant, endpoint, until) = (tenant.uuid(), endpoint.uuid(), reach.until);
        let (first, last) = (at.to_utc().date(), until.to_utc().date());
        self.bounded(async {
            let client = self.client().await?;
            let most = reach.most();
            let found = rows(
                &client,
                UNSENT,
                &[
                    &tenant, &at, &after, &until, &first, &last, &endpoint, &most, &LOOKED_AT,
                ],
            )
            .await?;
            let end = if is_full(&found, most) {
                None
            } else {
                let skip = LOOKED_AT - 1;
                row(
                    &client,
                    END,
                    &[&tenant, &at, &after, &until, &first, &last, &skip],
                )
                .await?
            };
            step(found, most, unsent, end)
        })
        .await
    }
}

fn is_full(found: &[Row], most: i64) -> bool {
    i64::try_from(found.len()).is_ok_and(|found| found >= most)
}

/// A step goes on behind its last row when it found all that was wanted, else behind the last
/// that it looked at, if it looked at as many as it may.
fn step<T>(
    found: Vec<Row>,
    most: i64,
    read: fn(&Row) -> Result<T, StoreError>,
    end: Option<Row>,
) -> Result<Step<T>, StoreError> {
    let last = if is_full(&found, most) {
        found.last()
    } else {
        end.as_ref()
    };
    let next = last.map(|row| {
        Ok::<_, StoreError>(Cursor {
            at: get(row, "at")?,
            id: get(row, "place")?,
        })
    });
    Ok(Step {
        next: next.transpose()?,
        found: found.iter().map(read).collect::<Result<_, _>>()?,
    })
}

fn candidate(row: &Row) -> Result<Candidate, StoreError> {
    Ok(Candidate {
        original: id(row, "original")?,
        event: id(row, "event_id")?,
        day: get(row, "day")?,
        endpoint: id(row, "endpoint_id")?,
        letter: optional_id(row, "letter")?,
    })
}

fn unsent(row: &Row) -> Result<Unsent, StoreError> {
    Ok(Unsent {
        event: id(row, "id")?,
        day: get(row, "day")?,
        event_type: parsed(row, "event_type")?,
        channels: all_parsed(row, "channels")?,
    })
}
