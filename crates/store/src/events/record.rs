//! Fan-out's one transaction: a batch of events with the endpoints that each matched.
//!
//! Which of them are new decides what may be published. A redelivery of our own (the same
//! acceptance) is published again, to the endpoints that the record has; a publisher's repeat
//! (another acceptance of the same key) is dropped, since the first one is either published or
//! still in its queue.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use domain::event::{Event, Identity};
use domain::id::{EndpointId, EventId, IngestId};
use domain::limits;
use time::Date;
use uuid::Uuid;

use super::endpoints;
use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{execute, get, id, rows, storable};

/// An event to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The event.
    pub event: Event,
    /// The endpoints that it matched.
    pub endpoints: Vec<EndpointId>,
}

/// What the record had of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: publish it to the endpoints that it matched.
    New,
    /// This very acceptance, whose message came again: publish to these endpoints.
    Redelivered {
        /// The endpoints that it matched when it was recorded.
        endpoints: Vec<EndpointId>,
    },
    /// Another acceptance of the same id: publish nothing.
    Repeat {
        /// Whether it was the same event.
        fingerprint: Fingerprint,
    },
}

/// How a repeat compares with what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fingerprint {
    /// The same type and payload.
    Same,
    /// Another type or payload under the same key; counted in the record.
    Different,
}

/// What decides about an event of a known id.
struct Known {
    ingest: IngestId,
    /// None for an event without a key.
    fingerprint: Option<[u8; 32]>,
    day: Date,
}

impl Store {
    /// Records a batch in one transaction. The verdicts are in the order of the batch, and hold
    /// once this returns.
    ///
    /// # Errors
    /// [`StoreError::MissingPartition`] when a day has no partition, [`StoreError::Unavailable`]
    /// when the database is: nothing is recorded then.
    pub async fn record(&self, batch: &[NewEvent]) -> Result<Vec<Verdict>, StoreError> {
        // In the order of their ids, so that two batches with the same keys can't deadlock; the
        // first of several with one id counts.
        let mut firsts: Vec<&NewEvent> = batch.iter().collect();
        firsts.sort_by_key(|new| new.event.id);
        firsts.dedup_by_key(|new| new.event.id);
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let claimed = claim(&transaction, &firsts).await?;
            let inserted = insert(&transaction, &claimed).await?;
            let verdicts = judge(&transaction, batch, &inserted).await?;
            transaction.commit().await?;
            Ok(verdicts)
        })
        .await
    }
}

/// Claims the keys of those that have one. Gives those that may be inserted: events without a
/// key, and those whose key was free.
async fn claim<'a>(
    transaction: &Transaction<'_>,
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
    if keyed.is_empty() {
        return Ok(events.to_vec());
    }
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
        transaction,
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
    let free = |new: &&&NewEvent| {
        new.event.identity == Identity::Minted || claimed.contains(&new.event.id)
    };
    Ok(events.iter().filter(free).copied().collect())
}

/// Inserts what is not there yet, and gives the ids of what was inserted.
async fn insert(
    transaction: &Transaction<'_>,
    events: &[&NewEvent],
) -> Result<Vec<EventId>, StoreError> {
    // Arrays of arrays would be flattened by unnest: the members of all are one array, and each
    // row has its slice of it.
    const INSERT: &str = "-- events_insert
        insert into events (day, id, ingest_id, tenant_id, event_type, data, occurred_at,
                            accepted_at, channels, keyed, endpoints, traceparent, tracestate)
        select u.day, u.id, u.ingest_id, u.tenant_id, u.event_type, u.data, u.occurred_at,
               u.accepted_at, ($14::text[])[u.channels_from : u.channels_to], u.keyed,
               ($15::uuid[])[u.endpoints_from : u.endpoints_to], u.traceparent, u.tracestate
        from unnest($1::date[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bytea[],
                    $7::timestamptz[], $8::timestamptz[], $9::int[], $10::bool[], $11::int[],
                    $12::text[], $13::text[], $16::int[], $17::int[])
             with ordinality
             as u (day, id, ingest_id, tenant_id, event_type, data, occurred_at, accepted_at,
                   channels_from, keyed, endpoints_from, traceparent, tracestate, channels_to,
                   endpoints_to, position)
        order by u.position
        on conflict (id, day) do nothing
        returning id";
    if events.is_empty() {
        return Ok(Vec::new());
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
    let keyed: Vec<_> = events
        .iter()
        .map(|new| new.event.identity != Identity::Minted)
        .collect();
    let parents: Vec<_> = events
        .iter()
        .map(|new| storable(&new.event.trace.traceparent))
        .collect();
    let states: Vec<_> = events
        .iter()
        .map(|new| storable(&new.event.trace.tracestate))
        .collect();
    let channels = Slices::of(events, |new| {
        new.event.channels.iter().map(|one| one.as_str()).collect()
    })?;
    let matched = Slices::of(events, |new| {
        new.endpoints.iter().map(|one| one.uuid()).collect()
    })?;
    let inserted = rows(
        transaction,
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
        ],
    )
    .await?;
    inserted.iter().map(|row| id(row, "id")).collect()
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

/// Says of each event of the batch what it was.
async fn judge(
    transaction: &Transaction<'_>,
    batch: &[NewEvent],
    inserted: &[EventId],
) -> Result<Vec<Verdict>, StoreError> {
    // Every id stands for New once: at its first place in the batch.
    let mut fresh: HashMap<EventId, ()> = inserted.iter().map(|id| (*id, ())).collect();
    let fresh: Vec<bool> = batch
        .iter()
        .map(|new| fresh.remove(&new.event.id).is_some())
        .collect();
    let others = || {
        batch
            .iter()
            .zip(&fresh)
            .filter(|(_, fresh)| !**fresh)
            .map(|(new, _)| &new.event)
    };
    let known = known(transaction, others()).await?;
    let own = others().filter(|event| {
        known
            .get(&event.id)
            .is_some_and(|known| known.ingest == event.ingest_id)
    });
    let matched = matched(transaction, own, &known).await?;
    let mut conflicts = Vec::new();
    let verdicts = batch.iter().zip(&fresh).map(|(new, fresh)| {
        let event = &new.event;
        let Some(known) = known.get(&event.id).filter(|_| !fresh) else {
            return Verdict::New;
        };
        if known.ingest == event.ingest_id {
            let endpoints = matched.get(&event.id).cloned().unwrap_or_default();
            return Verdict::Redelivered { endpoints };
        }
        let fingerprint = compare(&event.identity, known);
        if fingerprint == Fingerprint::Different {
            conflicts.push(event.id.uuid());
        }
        Verdict::Repeat { fingerprint }
    });
    let verdicts = verdicts.collect();
    count_conflicts(transaction, &conflicts).await?;
    Ok(verdicts)
}

fn compare(identity: &Identity, known: &Known) -> Fingerprint {
    match (identity, known.fingerprint) {
        (Identity::Keyed { fingerprint }, Some(known)) if *fingerprint != known => {
            Fingerprint::Different
        }
        _ => Fingerprint::Same,
    }
}

/// What the record has of these ids: from the keys where there is one, since it spans partitions,
/// else from the event.
async fn known<'a>(
    transaction: &Transaction<'_>,
    events: impl Iterator<Item = &'a Event>,
) -> Result<HashMap<EventId, Known>, StoreError> {
    const KNOWN: &str = "-- events_known
        select k.event_id, k.ingest_id, k.fingerprint, k.day
        from idempotency_keys k where k.event_id = any($1)
        union all
        select e.id, e.ingest_id, null, e.day
        from unnest($1::uuid[], $2::date[]) as u (id, day)
        join events e on e.id = u.id and e.day = u.day
        where not e.keyed";
    let (ids, days): (Vec<Uuid>, Vec<Date>) =
        events.map(|event| (event.id.uuid(), day(event))).unzip();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = rows(transaction, KNOWN, &[&ids, &days]).await?;
    let mut known = HashMap::with_capacity(found.len());
    for row in &found {
        let fingerprint: Option<&[u8]> = get(row, "fingerprint")?;
        let one = Known {
            ingest: id(row, "ingest_id")?,
            fingerprint: fingerprint.and_then(|bytes| bytes.try_into().ok()),
            day: get(row, "day")?,
        };
        known.insert(id(row, "event_id")?, one);
    }
    Ok(known)
}

/// The endpoints that these events matched when they were recorded.
async fn matched<'a>(
    transaction: &Transaction<'_>,
    events: impl Iterator<Item = &'a Event>,
    known: &HashMap<EventId, Known>,
) -> Result<HashMap<EventId, Vec<EndpointId>>, StoreError> {
    const MATCHED: &str = "-- events_matched
        select e.id, e.endpoints
        from unnest($1::uuid[], $2::date[]) as u (id, day)
        join events e on e.id = u.id and e.day = u.day";
    let (ids, days): (Vec<Uuid>, Vec<Date>) = events
        .filter_map(|event| Some((event.id.uuid(), known.get(&event.id)?.day)))
        .unzip();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = rows(transaction, MATCHED, &[&ids, &days]).await?;
    found
        .iter()
        .map(|row| Ok((id(row, "id")?, endpoints(row)?)))
        .collect()
}

/// Counts keys that came again with another event.
async fn count_conflicts(transaction: &Transaction<'_>, ids: &[Uuid]) -> Result<(), StoreError> {
    // Locked in the order of the ids, as they were claimed.
    const COUNT: &str = "-- idempotency_keys_count_conflicts
        with came as (
            select u.id, count(*)::int as times from unnest($1::uuid[]) as u (id) group by u.id
        ), locked as (
            select k.event_id from idempotency_keys k
            where k.event_id = any($1) order by k.event_id for update
        )
        update idempotency_keys k set conflicts = k.conflicts + came.times
        from came join locked on locked.event_id = came.id
        where k.event_id = came.id";
    if !ids.is_empty() {
        execute(transaction, COUNT, &[&ids]).await?;
    }
    Ok(())
}

/// The partition of an event's rows.
fn day(event: &Event) -> Date {
    event.accepted_at.to_utc().date()
}
