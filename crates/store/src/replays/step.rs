//! A step of a replay: what it makes, written down in one transaction.

use std::collections::HashSet;

use bytes::Bytes;
use deadpool_postgres::Transaction;
use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::{Delivery, Due};
use domain::dispatch::{Content, Payload};
use domain::id::{DeadLetterId, DeliveryId, EventId, Id, ReplayId};
use domain::limits;
use domain::replay::{Rate, State};
use domain::report::Standing;
use domain::trace::TraceContext;
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;
use uuid::Uuid;

use super::row::column;
use super::work::{LEASE, Worker, put_down};
use crate::deliveries::delivery_named;
use crate::error::StoreError;
use crate::page::Cursor;
use crate::pool::Store;
use crate::sql::{execute, get, id, named, parsed, row, rows, uuids};

/// A delivery that a replay makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// The new delivery.
    pub delivery: Delivery,
    /// What it carries.
    pub content: Content,
    /// The dead letter that it was found by.
    pub letter: Option<DeadLetterId>,
}

impl Again {
    /// What the dispatchers are told: the first attempt.
    #[must_use]
    pub const fn due(&self) -> Due {
        Due {
            delivery: self.delivery,
            attempt: AttemptNumber::FIRST,
        }
    }

    fn day(&self) -> Date {
        self.content.accepted_at.to_utc().date()
    }
}

/// A step of a replay, to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stride {
    /// The deliveries that it makes.
    pub again: Vec<Again>,
    /// Those selected whose event is no longer on record.
    pub skipped: u64,
    /// Where the next step begins.
    pub cursor: Cursor,
    /// When the deliveries are due.
    pub at: OffsetDateTime,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It is on record. These are to be published: not those of dead letters that somebody has
    /// dealt with meanwhile, nor those that have a row.
    On {
        /// The new deliveries, in the order of the step.
        publish: Vec<DeliveryId>,
        /// How fast the replay goes from now on.
        rate: Rate,
    },
    /// Somebody paused or cancelled the replay: nothing of the step is on record, and what was in
    /// hand is counted as published. The replay is given back.
    Stopped,
    /// Somebody else works on the replay.
    Lost,
}

impl Store {
    /// What deliveries of these events carry, in no order; those that are no longer on record are
    /// not among them. A payload over [`limits::INLINE_PAYLOAD_BYTES`] is not read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn contents(&self, events: &[(EventId, Date)]) -> Result<Vec<Content>, StoreError> {
        const CONTENTS: &str = "-- replay_contents
            select e.id as event_id, e.tenant_id, e.event_type, e.occurred_at, e.accepted_at,
                   e.traceparent, e.tracestate,
                   case when octet_length(e.data) <= $3 then e.data end as inline
            from (select distinct id, day from unnest($1::uuid[], $2::date[]) as u (id, day)) w
            join events e on e.id = w.id and e.day = w.day";
        let ids = uuids(events.iter().map(|(event, _)| *event));
        let days: Vec<Date> = events.iter().map(|(_, day)| *day).collect();
        self.bounded(async {
            let client = self.client().await?;
            let found = rows(&client, CONTENTS, &[&ids, &days, &inline()]).await?;
            found.iter().map(content).collect()
        })
        .await
    }

    /// What was on record and not known to be published when the last worker left the replay. What
    /// has been heard of since is not among it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn replay_in_hand(&self, replay: ReplayId) -> Result<Vec<Again>, StoreError> {
        const IN_HAND: &str = "-- replay_in_hand
            select d.id as delivery_id, d.endpoint_id, d.trigger, d.replay_of, e.id as event_id,
                   e.tenant_id, e.event_type, e.occurred_at, e.accepted_at, e.traceparent,
                   e.tracestate, case when octet_length(e.data) <= $2 then e.data end as inline
            from deliveries d
            join events e on e.id = d.event_id and e.day = d.day
            where d.id = any((select in_hand from replays where id = $1)::uuid[])
              and d.replay_id = $1 and d.state = 'waiting' and d.attempt = 1
            order by d.id";
        self.bounded(async {
            let client = self.client().await?;
            let found = rows(&client, IN_HAND, &[&replay.uuid(), &inline()]).await?;
            let again = |row: &Row| {
                Ok(Again {
                    delivery: delivery_named(row, "delivery_id")?,
                    content: content(row)?,
                    letter: None,
                })
            };
            found.iter().map(again).collect()
        })
        .await
    }

    /// Writes a step down in one transaction: what was in hand counts as published; the new
    /// deliveries have rows, waiting, and are in hand; the dead letters of what they repeat are
    /// resolved; the cursor is moved.
    ///
    /// # Errors
    /// [`StoreError::MissingPartition`] when a day was dropped meanwhile,
    /// [`StoreError::Unavailable`] when the database is: nothing is written then.
    pub async fn move_replay(
        &self,
        worker: Worker,
        replay: ReplayId,
        stride: &Stride,
    ) -> Result<Moved, StoreError> {
        const LOOK: &str = "-- replay_move_look
            select state, rate from replays where id = $1 and leased_by = $2 for update";
        const MOVE: &str = "-- replay_move
            update replays
            set published = published + cardinality(in_hand), in_hand = $2,
                selected = selected + cardinality($2::uuid[]), skipped = skipped + $3,
                cursor_at = $4, cursor_id = $5, updated_at = now(),
                leased_until = now() + make_interval(secs => $6)
            where id = $1";
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let Some(seen) = row(&transaction, LOOK, &[&replay.uuid(), &worker.0]).await? else {
                return Ok(Moved::Lost);
            };
            if named(&seen, "state", State::from_name)? != State::Running {
                put_down(&transaction, replay).await?;
                transaction.commit().await?;
                return Ok(Moved::Stopped);
            }
            let rate = u16::try_from(get::<i32>(&seen, "rate")?).ok();
            let rate = rate
                .and_then(Rate::new)
                .ok_or_else(|| StoreError::unreadable("rate"))?;
            let open = resolve(&transaction, &stride.again).await?;
            let publish = insert(&transaction, replay, &open, stride.at).await?;
            let Cursor { at, id: place } = stride.cursor;
            execute(
                &transaction,
                MOVE,
                &[
                    &replay.uuid(),
                    &uuids(publish.iter().copied()),
                    &column(stride.skipped),
                    &at,
                    &place,
                    &LEASE.as_secs_f64(),
                ],
            )
            .await?;
            transaction.commit().await?;
            Ok(Moved::On { publish, rate })
        })
        .await
    }
}

/// Resolves the dead letters of what is made again; gives what is still to be made. A letter that
/// somebody has dealt with meanwhile, by another replay for example, takes its delivery with it.
async fn resolve<'a>(
    transaction: &Transaction<'_>,
    again: &'a [Again],
) -> Result<Vec<&'a Again>, StoreError> {
    const FOUND: &str = "-- replay_resolve_letters
        update dead_letters set resolved_at = now(), resolution = 'replayed'
        where id = any($1) and resolved_at is null
        returning id";
    const BESIDE: &str = "-- replay_resolve_deliveries
        update dead_letters set resolved_at = now(), resolution = 'replayed'
        where delivery_id = any($1) and resolved_at is null and kind = 'delivery'";
    let letters: Vec<DeadLetterId> = again.iter().filter_map(|one| one.letter).collect();
    let mut resolved: HashSet<DeadLetterId> = HashSet::new();
    if !letters.is_empty() {
        for row in &rows(transaction, FOUND, &[&uuids(letters)]).await? {
            resolved.insert(id(row, "id")?);
        }
    }
    let is_open = |one: &&Again| one.letter.is_none_or(|letter| resolved.contains(&letter));
    let open: Vec<&Again> = again.iter().filter(is_open).collect();
    let originals = open
        .iter()
        .filter(|one| one.letter.is_none())
        .filter_map(|one| one.delivery.replay_of);
    let originals = uuids(originals);
    if !originals.is_empty() {
        execute(transaction, BESIDE, &[&originals]).await?;
    }
    Ok(open)
}

/// Writes the rows of new deliveries; gives those that had none, in order.
async fn insert(
    transaction: &Transaction<'_>,
    replay: ReplayId,
    again: &[&Again],
    at: OffsetDateTime,
) -> Result<Vec<DeliveryId>, StoreError> {
    const INSERT: &str = "-- replay_insert
        insert into deliveries (day, id, tenant_id, event_id, endpoint_id, event_type, state,
                                attempt, next_attempt_at, dead_reason, rank, trigger, replay_of,
                                updated_at, replay_id)
        select u.day, u.id, u.tenant_id, u.event_id, u.endpoint_id, u.event_type, $8, $9, $10,
               null, $11, $12, u.replay_of, $10, $13
        from unnest($1::date[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
                    $7::uuid[])
             as u (day, id, tenant_id, event_id, endpoint_id, event_type, replay_of)
        order by u.id
        on conflict (id, day) do nothing
        returning id";
    if again.is_empty() {
        return Ok(Vec::new());
    }
    let column =
        |of: fn(&Again) -> Uuid| -> Vec<Uuid> { again.iter().map(|one| of(one)).collect() };
    let days: Vec<Date> = again.iter().map(|one| one.day()).collect();
    let types: Vec<&str> = again
        .iter()
        .map(|one| one.content.event_type.as_str())
        .collect();
    let replayed: Vec<Option<Uuid>> = again
        .iter()
        .map(|one| one.delivery.replay_of.map(Id::uuid))
        .collect();
    let standing = Standing::Waiting {
        attempt: AttemptNumber::FIRST,
        next_attempt_at: at,
    };
    let inserted = rows(
        transaction,
        INSERT,
        &[
            &days,
            &column(|one| one.delivery.id.uuid()),
            &column(|one| one.content.tenant.uuid()),
            &column(|one| one.content.event.uuid()),
            &column(|one| one.delivery.endpoint.uuid()),
            &types,
            &replayed,
            &standing.state().as_str(),
            &i32::from(standing.attempt().get()),
            &at,
            &i64::from(standing.rank()),
            &Trigger::Replay.as_str(),
            &replay.uuid(),
        ],
    )
    .await?;
    let inserted: HashSet<DeliveryId> = inserted
        .iter()
        .map(|row| id(row, "id"))
        .collect::<Result<_, _>>()?;
    let new = again.iter().map(|one| one.delivery.id);
    Ok(new.filter(|new| inserted.contains(new)).collect())
}

/// The largest payload that travels with a delivery.
fn inline() -> i32 {
    i32::try_from(limits::INLINE_PAYLOAD_BYTES).unwrap_or(i32::MAX)
}

fn content(row: &Row) -> Result<Content, StoreError> {
    let inline: Option<&[u8]> = get(row, "inline")?;
    Ok(Content {
        event: id(row, "event_id")?,
        tenant: id(row, "tenant_id")?,
        event_type: parsed(row, "event_type")?,
        timestamp: get(row, "occurred_at")?,
        accepted_at: get(row, "accepted_at")?,
        payload: inline.map_or(Payload::Stored, |data| {
            Payload::Inline(Bytes::copy_from_slice(data))
        }),
        trace: TraceContext {
            traceparent: get(row, "traceparent")?,
            tracestate: get(row, "tracestate")?,
        },
    })
}
