//! What the record had of the events of a batch.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::GenericClient;
use domain::event::{Event, Identity};
use domain::id::{EndpointId, EventId, IngestId};
use time::Date;
use uuid::Uuid;

use super::endpoints;
use super::record::{NewEvent, day};
use crate::error::StoreError;
use crate::sql::{execute, get, id, rows};

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

/// Says of each event of the batch what it was.
pub(super) async fn judge<C: GenericClient>(
    client: &C,
    batch: &[NewEvent],
    inserted: &[EventId],
) -> Result<Vec<Verdict>, StoreError> {
    // Every id stands for New once: at its first place in the batch.
    let mut fresh: HashSet<EventId> = inserted.iter().copied().collect();
    let fresh: Vec<bool> = batch
        .iter()
        .map(|new| fresh.remove(&new.event.id))
        .collect();
    let others = || {
        batch
            .iter()
            .zip(&fresh)
            .filter(|(_, fresh)| !**fresh)
            .map(|(new, _)| &new.event)
    };
    let known = known(client, others()).await?;
    let own = others().filter(|event| {
        known
            .get(&event.id)
            .is_some_and(|known| known.ingest == event.ingest_id)
    });
    let matched = matched(client, own, &known).await?;
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
    count_conflicts(client, &conflicts).await?;
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
async fn known<'a, C: GenericClient>(
    client: &C,
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
    let found = rows(client, KNOWN, &[&ids, &days]).await?;
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
async fn matched<'a, C: GenericClient>(
    client: &C,
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
    let found = rows(client, MATCHED, &[&ids, &days]).await?;
    found
        .iter()
        .map(|row| Ok((id(row, "id")?, endpoints(row)?)))
        .collect()
}

/// Counts keys that came again with another event.
async fn count_conflicts<C: GenericClient>(client: &C, ids: &[Uuid]) -> Result<(), StoreError> {
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
        execute(client, COUNT, &[&ids]).await?;
    }
    Ok(())
}
