//! Fan-out's one transaction: a batch of events with the endpoints that each matched.
//!
//! Which of them are new decides what may be published. A redelivery of our own (the same
//! acceptance) is published again, to the endpoints that the record has; a publisher's repeat
//! (another acceptance of the same key) is dropped, since the first one is either published or
//! still in its queue.

use deadpool_postgres::GenericClient;
use domain::event::{Event, Identity};
use domain::id::{EndpointId, EventId};
use domain::limits;
use time::Date;
use uuid::Uuid;

use super::verdict::{Verdict, judge};
use super::violations;
use crate::directory::Epoch;
use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{id, optional_id, rows, storable};

/// An event to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The event.
    pub event: Event,
    /// The endpoints that it matched.
    pub endpoints: Vec<EndpointId>,
}

/// What came of a batch that was to be recorded at an epoch of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded; the verdicts are in the order of the batch.
    Yes(Vec<Verdict>),
    /// Nothing is: the directory has moved on, and may hold endpoints that the batch has not been
    /// matched with.
    Moved,
}

impl Store {
    /// Records a batch in one transaction. The verdicts are in the order of the batch, and hold
    /// once this returns.
    ///
    /// # Errors
    /// [`StoreError::MissingPartition`] when a day has no partition, [`StoreError::Unavailable`]
    /// when the database is: nothing is recorded then.
    pub async fn record(&self, batch: &[NewEvent]) -> Result<Vec<Verdict>, StoreError> {
        match self.record_if(batch, None).await? {
            Recorded::Yes(verdicts) => Ok(verdicts),
            // Nothing was asked of the directory: it would have to have no epoch at all.
            Recorded::Moved => Err(StoreError::unreadable("epoch")),
        }
    }

    /// Does as [`Store::record`] does, if the directory is still at this epoch; without one, in any
    /// case.
    ///
    /// # Errors
    /// As of [`Store::record`].
    pub async fn record_if(
        &self,
        batch: &[NewEvent],
        epoch: Option<Epoch>,
    ) -> Result<Recorded, StoreError> {
        // In the order of their ids, so that two batches with the same keys can't deadlock; the
        // first of several with one id counts.
        let mut firsts: Vec<&NewEvent> = batch.iter().collect();
        firsts.sort_by_key(|new| new.event.id);
        firsts.dedup_by_key(|new| new.event.id);
        self.bounded(async {
            let mut client = self.client().await?;
            if firsts.iter().all(|new| is_minted(new)) {
                // The insert is a transaction by itself, and what it finds there changes no more:
                // two round trips less on the way of most events.
                let Some(inserted) = insert(&client, &firsts, epoch).await? else {
                    return Ok(Recorded::Moved);
                };
                return judge(&client, batch, &inserted).await.map(Recorded::Yes);
            }
            let transaction = client.transaction().await?;
            let claimed = claim(&transaction, &firsts).await?;
            let Some(inserted) = insert(&transaction, &claimed, epoch).await? else {
                // Left to be dropped it would be rolled back a moment later.
                transaction.rollback().await?;
                return Ok(Recorded::Moved);
            };
            let verdicts = judge(&transaction, batch, &inserted).await?;
            transaction.commit().await?;
            Ok(Recorded::Yes(verdicts))
        })
        .await
    }
}

fn is_minted(new: &NewEvent) -> bool {
    new.event.identity == Identity::Minted
}

/// Claims the keys of those that have one. Gives those that may be inserted: events without a
/// key, and those whose key was free.
async fn claim<'a, C: GenericClient>(
    client: &C,
    events: &[&'a NewEvent],
) -> Result<Vec<&'a NewEvent>, StoreError> {
    const CLAIM: &str = "-- idempotency_keys_claim
        insert into idempotency_keys (event_id, tenant_id, ingest_id, fingerprint, day, expires_at)
        select u.event_id, u.tenant_id, u.ingest_id, u.fingerprint, u.day,
               u.accepted_at + make_interval(secs => $7)
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[], $5::date[], $6::timestamptz[])
             with ordinality
             as u (event_id, tenant_id, ingest_id, fingerprint, day, accepted_at, position)
        order by u.position
        on conflict (event_id) do nothing
        returning event_id";
    let keyed: Vec<(&Event, &[u8])> = events
        .iter()
        .filter_map(|new| match &new.event.identity {
            Identity::Minted => None,
            Identity::Keyed { fingerprint } => Some((&new.event, fingerprint.as_slice())),
        })
        .collect();
    let ids: Vec<_> = keyed.iter().map(|(event, _)| event.id.uuid()).collect();
    let tenants: Vec<_> = keyed.iter().map(|(event, _)| event.tenant.uuid()).collect();
    let ingests: Vec<_> = keyed
        .iter()
        .map(|(event, _)| event.ingest_id.uuid())
        .collect();
    let fingerprints: Vec<_> = keyed.iter().map(|(_, fingerprint)| *fingerprint).collect();
    let days: Vec<_> = keyed.iter().map(|(event, _)| day(event)).collect();
    let accepted: Vec<_> = keyed.iter().map(|(event, _)| event.accepted_at).collect();
    let window = limits::IDEMPOTENCY_WINDOW.as_secs_f64();
    let claimed = rows(
        client,
        CLAIM,
        &[
            &ids,
            &tenants,
            &ingests,
            &fingerprints,
            &days,
            &accepted,
            &window,
        ],
    )
    .await?;
    let claimed: Vec<EventId> = claimed
        .iter()
        .map(|row| id(row, "event_id"))
        .collect::<Result<_, _>>()?;
    let is_free = |new: &&&NewEvent| is_minted(new) || claimed.contains(&new.event.id);
    Ok(events.iter().filter(is_free).copied().collect())
}

/// Inserts what is not there yet and counts its deliveries for the ledger; gives the ids of what was
/// inserted. None when the directory is not at the epoch asked for; nothing is inserted then.
async fn insert<C: GenericClient>(
    client: &C,
    events: &[&NewEvent],
    epoch: Option<Epoch>,
) -> Result<Option<Vec<EventId>>, StoreError> {
    // Arrays of arrays would be flattened by unnest: the members of all are one array, and each
    // row has its slice of it.
    const INSERT: &str = "-- events_insert
        with directory as (
            select from directory_epoch where $19::bigint is null or epoch = $19
        ),
        inserted as (
            insert into events (day, id, ingest_id, tenant_id, event_type, data, occurred_at,
                                accepted_at, channels, keyed, endpoints, traceparent, tracestate,
                                violations)
            select u.day, u.id, u.ingest_id, u.tenant_id, u.event_type, u.data, u.occurred_at,
                   u.accepted_at, ($14::text[])[u.channels_from : u.channels_to], u.keyed,
                   ($15::uuid[])[u.endpoints_from : u.endpoints_to], u.traceparent, u.tracestate,
                   u.violations
            from unnest($1::date[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bytea[],
                        $7::timestamptz[], $8::timestamptz[], $9::int[], $10::bool[], $11::int[],
                        $12::text[], $13::text[], $16::int[], $17::int[], $18::text[])
                 with ordinality
                 as u (day, id, ingest_id, tenant_id, event_type, data, occurred_at, accepted_at,
                       channels_from, keyed, endpoints_from, traceparent, tracestate, channels_to,
                       endpoints_to, violations, position)
                 cross join directory
            order by u.position
            on conflict (id, day) do nothing
            returning id, tenant_id, day, accepted_at, endpoints
        ),
        counted as (
            insert into ledger_moves (tenant_id, day, minute, matched)
            select tenant_id, day, date_trunc('minute', accepted_at), sum(cardinality(endpoints))
            from inserted where endpoints <> '{}' group by 1, 2, 3
        )
        select inserted.id from directory left join inserted on true";
    if events.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let column =
        |of: fn(&Event) -> Uuid| -> Vec<Uuid> { events.iter().map(|new| of(&new.event)).collect() };
    let (ids, ingests) = (
        column(|event| event.id.uuid()),
        column(|event| event.ingest_id.uuid()),
    );
    let tenants = column(|event| event.tenant.uuid());
    let days: Vec<_> = events.iter().map(|new| day(&new.event)).collect();
    let types: Vec<_> = events
        .iter()
        .map(|new| new.event.event_type.as_str())
        .collect();
    let data: Vec<&[u8]> = events.iter().map(|new| &*new.event.data).collect();
    let occurred: Vec<_> = events.iter().map(|new| new.event.timestamp).collect();
    let accepted: Vec<_> = events.iter().map(|new| new.event.accepted_at).collect();
    let keyed: Vec<_> = events.iter().map(|new| !is_minted(new)).collect();
    let parents: Vec<_> = events
        .iter()
        .map(|new| storable(&new.event.trace.traceparent))
        .collect();
    let states: Vec<_> = events
        .iter()
        .map(|new| storable(&new.event.trace.tracestate))
        .collect();
    let violations: Vec<_> = events
        .iter()
        .map(|new| violations::column(&new.event.violations))
        .collect();
    let channels = Slices::of(events, |new| {
        new.event.channels.iter().map(|one| one.as_str()).collect()
    })?;
    let matched = Slices::of(events, |new| {
        new.endpoints.iter().map(|one| one.uuid()).collect()
    })?;
    let inserted = rows(
        client,
        INSERT,
        &[
            &days,
            &ids,
            &ingests,
            &tenants,
            &types,
            &data,
            &occurred,
            &accepted,
            &channels.from,
            &keyed,
            &matched.from,
            &parents,
            &states,
            &channels.all,
            &matched.all,
            &channels.to,
            &matched.to,
            &violations,
            &epoch.map(Epoch::column),
        ],
    )
    .await?;
    if inserted.is_empty() {
        return Ok(None);
    }
    let inserted = inserted
        .iter()
        .filter_map(|row| optional_id(row, "id").transpose());
    inserted.collect::<Result<_, _>>().map(Some)
}

/// The members of many lists as one array, with each list's first and last position, from 1; an
/// empty list's last is before its first.
struct Slices<T> {
    all: Vec<T>,
    from: Vec<i32>,
    to: Vec<i32>,
}

impl<T> Slices<T> {
    fn of<'a>(
        events: &[&'a NewEvent],
        list: fn(&'a NewEvent) -> Vec<T>,
    ) -> Result<Self, StoreError> {
        let position = |at: usize| i32::try_from(at).map_err(|_| StoreError::Conflict);
        let mut slices = Self {
            all: Vec::new(),
            from: Vec::new(),
            to: Vec::new(),
        };
        for new in events {
            slices.from.push(position(slices.all.len() + 1)?);
            slices.all.extend(list(new));
            slices.to.push(position(slices.all.len())?);
        }
        Ok(slices)
    }
}

/// The partition of an event's rows.
pub(super) fn day(event: &Event) -> Date {
    event.accepted_at.to_utc().date()
}
