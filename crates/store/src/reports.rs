//! What the recorder writes: attempts and where deliveries stand, in big batches.
//!
//! Reports may come twice and in any order. A delivery's row changes only for a report of a higher
//! [rank](domain::report::Standing::rank), or of the same rank and a later instant; so the row
//! that stands in the end is the same for every order.

use std::collections::{BTreeMap, HashSet};

use deadpool_postgres::Transaction;
use domain::delivery::DeadReason;
use domain::health::Seen;
use domain::id::{DeliveryId, EndpointId, Id};
use domain::outcome::{Observed, Outcome, classify};
use domain::report::{AttemptReport, Extent, Report, Standing};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::attempts::{DELIVERED, HTTP_ERROR};
use crate::error::StoreError;
use crate::health;
use crate::pool::Store;
use crate::sql::{execute, get, id, rows};

use exhausted::tell_exhausted;

mod exhausted;

impl Store {
    /// Records a batch in one transaction: its attempts, what they say of their endpoints, where its
    /// deliveries stand, and that endpoints which answered 410 are disabled. The platform is told
    /// of these and of deliveries that are exhausted. Doing so again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::MissingPartition`] when a day has no partition, [`StoreError::Unavailable`]
    /// when the database is: nothing is recorded then.
    pub async fn record_reports(&self, batch: &[Report]) -> Result<(), StoreError> {
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let (attempts, latest) = (attempts(batch), latest(batch));
            let failed = upsert_attempts(&transaction, &attempts).await?;
            upsert_deliveries(&transaction, &latest).await?;
            health::observe(&transaction, &seen(&attempts, &failed)).await?;
            tell_exhausted(&transaction, &latest).await?;
            health::disable_gone(&transaction, batch).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }
}

/// The report that stands of each delivery, in the order of their ids: an upsert can't touch a
/// row twice, and batches that lock rows in one order can't deadlock.
fn latest(batch: &[Report]) -> Vec<&Report> {
    let mut latest: BTreeMap<DeliveryId, &Report> = BTreeMap::new();
    let place = |report: &Report| (report.standing.rank(), report.at);
    for report in batch {
        let kept = latest.entry(report.delivery.id).or_insert(report);
        if place(report) > place(kept) {
            *kept = report;
        }
    }
    latest.into_values().collect()
}

/// Every attempt of the batch once; of two reports of one attempt, one that it arrived wins.
fn attempts(batch: &[Report]) -> Vec<(&Report, &AttemptReport)> {
    let mut all: BTreeMap<_, (&Report, &AttemptReport)> = BTreeMap::new();
    for report in batch {
        let Some(attempt) = &report.attempt else {
            continue;
        };
        let key = (report.delivery.id, attempt.number);
        let kept = all.entry(key).or_insert((report, attempt));
        if outcome(kept.1) != DELIVERED && outcome(attempt) == DELIVERED {
            *kept = (report, attempt);
        }
    }
    all.into_values().collect()
}

/// What attempts say of their endpoints: the last success, and the failures that are new.
fn seen(
    attempts: &[(&Report, &AttemptReport)],
    failed: &HashSet<(DeliveryId, i32)>,
) -> BTreeMap<EndpointId, Seen> {
    let mut seen: BTreeMap<EndpointId, Seen> = BTreeMap::new();
    for (report, attempt) in attempts {
        let key = (report.delivery.id, i32::from(attempt.number.get()));
        if outcome(attempt) == DELIVERED || failed.contains(&key) {
            let of_endpoint = seen.entry(report.delivery.endpoint).or_default();
            of_endpoint.take(attempt.started_at, attempt.observed);
        }
    }
    seen
}

/// Writes attempts; gives those that failed and were not in the record before.
async fn upsert_attempts(
    transaction: &Transaction<'_>,
    attempts: &[(&Report, &AttemptReport)],
) -> Result<HashSet<(DeliveryId, i32)>, StoreError> {
    const UPSERT: &str = "-- attempts_upsert
        with written as (
            insert into attempts as a (day, delivery_id, attempt, event_id, endpoint_id, tenant_id,
                                       started_at, duration_ms, status, outcome, answer,
                                       answer_truncated)
            select u.day, u.delivery_id, u.attempt, u.event_id, u.endpoint_id, u.tenant_id,
                   u.started_at, u.duration_ms, u.status, u.outcome, u.answer, u.answer_truncated
            from unnest($1::date[], $2::uuid[], $3::int[], $4::uuid[], $5::uuid[], $6::uuid[],
                        $7::timestamptz[], $8::bigint[], $9::int[], $10::text[], $11::bytea[],
                        $12::bool[])
                 with ordinality
                 as u (day, delivery_id, attempt, event_id, endpoint_id, tenant_id, started_at,
                       duration_ms, status, outcome, answer, answer_truncated, position)
            order by u.position
            on conflict (delivery_id, attempt, day) do update set
                started_at = excluded.started_at, duration_ms = excluded.duration_ms,
                status = excluded.status, outcome = excluded.outcome, answer = excluded.answer,
                answer_truncated = excluded.answer_truncated
            where a.outcome <> 'delivered' and excluded.outcome = 'delivered'
            returning delivery_id, attempt, outcome
        )
        select delivery_id, attempt from written where outcome <> 'delivered'";
    if attempts.is_empty() {
        return Ok(HashSet::new());
    }
    let of_report = |of: fn(&Report) -> Uuid| -> Vec<Uuid> {
        attempts.iter().map(|(report, _)| of(report)).collect()
    };
    let days: Vec<_> = attempts.iter().map(|(report, _)| report.day()).collect();
    let numbers: Vec<_> = attempts
        .iter()
        .map(|(_, one)| i32::from(one.number.get()))
        .collect();
    let started: Vec<_> = attempts.iter().map(|(_, one)| one.started_at).collect();
    let durations: Vec<_> = attempts
        .iter()
        .map(|(_, one)| i64::try_from(one.duration.as_millis()).unwrap_or(i64::MAX))
        .collect();
    let statuses: Vec<_> = attempts
        .iter()
        .map(|(_, one)| one.status().map(i32::from))
        .collect();
    let outcomes: Vec<_> = attempts.iter().map(|(_, one)| outcome(one)).collect();
    let answers: Vec<&[u8]> = attempts.iter().map(|(_, one)| &*one.answer).collect();
    let truncated: Vec<_> = attempts
        .iter()
        .map(|(_, one)| one.extent == Extent::Truncated)
        .collect();
    let failed = rows(
        transaction,
        UPSERT,
        &[
            &days,
            &of_report(|report| report.delivery.id.uuid()),
            &numbers,
            &of_report(|report| report.event.uuid()),
            &of_report(|report| report.delivery.endpoint.uuid()),
            &of_report(|report| report.tenant.uuid()),
            &started,
            &durations,
            &statuses,
            &outcomes,
            &answers,
            &truncated,
        ],
    )
    .await?;
    let key = |row: &Row| Ok((id(row, "delivery_id")?, get(row, "attempt")?));
    failed.iter().map(key).collect()
}

async fn upsert_deliveries(
    transaction: &Transaction<'_>,
    reports: &[&Report],
) -> Result<(), StoreError> {
    const UPSERT: &str = "-- deliveries_upsert
        insert into deliveries as d (day, id, tenant_id, event_id, endpoint_id, event_type, state,
                                     attempt, next_attempt_at, dead_reason, rank, trigger,
                                     replay_of, updated_at, accepted_at)
        select u.day, u.id, u.tenant_id, u.event_id, u.endpoint_id, u.event_type, u.state,
               u.attempt, u.next_attempt_at, u.dead_reason, u.rank, u.trigger, u.replay_of,
               u.updated_at, u.accepted_at
        from unnest($1::date[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
                    $7::text[], $8::int[], $9::timestamptz[], $10::text[], $11::bigint[],
                    $12::text[], $13::uuid[], $14::timestamptz[], $15::timestamptz[])
             with ordinality
             as u (day, id, tenant_id, event_id, endpoint_id, event_type, state, attempt,
                   next_attempt_at, dead_reason, rank, trigger, replay_of, updated_at, accepted_at,
                   position)
        order by u.position
        on conflict (id, day) do update set
            state = excluded.state, attempt = excluded.attempt,
            next_attempt_at = excluded.next_attempt_at, dead_reason = excluded.dead_reason,
            rank = excluded.rank, updated_at = excluded.updated_at
        where (excluded.rank, excluded.updated_at) > (d.rank, d.updated_at)";
    if reports.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Report) -> Uuid| -> Vec<Uuid> {
        reports.iter().map(|report| of(report)).collect()
    };
    let days: Vec<_> = reports.iter().map(|report| report.day()).collect();
    let types: Vec<_> = reports
        .iter()
        .map(|report| report.event_type.as_str())
        .collect();
    let states: Vec<_> = reports
        .iter()
        .map(|report| report.standing.state().as_str())
        .collect();
    let numbers: Vec<_> = reports
        .iter()
        .map(|report| i32::from(report.standing.attempt().get()))
        .collect();
    let next: Vec<_> = reports
        .iter()
        .map(|report| next_attempt_at(report.standing))
        .collect();
    let reasons: Vec<_> = reports
        .iter()
        .map(|report| dead_reason(report.standing).map(DeadReason::as_str))
        .collect();
    let ranks: Vec<_> = reports
        .iter()
        .map(|report| i64::from(report.standing.rank()))
        .collect();
    let triggers: Vec<_> = reports
        .iter()
        .map(|report| report.delivery.trigger.as_str())
        .collect();
    let replayed: Vec<_> = reports
        .iter()
        .map(|report| report.delivery.replay_of.map(Id::uuid))
        .collect();
    let updated: Vec<_> = reports.iter().map(|report| report.at).collect();
    let accepted: Vec<_> = reports.iter().map(|report| report.accepted_at).collect();
    execute(
        transaction,
        UPSERT,
        &[
            &days,
            &column(|report| report.delivery.id.uuid()),
            &column(|report| report.tenant.uuid()),
            &column(|report| report.event.uuid()),
            &column(|report| report.delivery.endpoint.uuid()),
            &types,
            &states,
            &numbers,
            &next,
            &reasons,
            &ranks,
            &triggers,
            &replayed,
            &updated,
            &accepted,
        ],
    )
    .await?;
    Ok(())
}

/// What the record says of an attempt in a word.
fn outcome(attempt: &AttemptReport) -> &'static str {
    match (attempt.observed, classify(attempt.observed)) {
        (_, Outcome::Delivered) => DELIVERED,
        (Observed::Answered { .. }, Outcome::Gone | Outcome::Failed { .. }) => HTTP_ERROR,
        (Observed::Failed(failure), Outcome::Gone | Outcome::Failed { .. }) => failure.as_str(),
    }
}

fn next_attempt_at(standing: Standing) -> Option<OffsetDateTime> {
    match standing {
        Standing::Waiting {
            next_attempt_at, ..
        } => Some(next_attempt_at),
        Standing::Delivered { .. }
        | Standing::Dead { .. }
        | Standing::Held { .. }
        | Standing::Cancelled { .. } => None,
    }
}

fn dead_reason(standing: Standing) -> Option<DeadReason> {
    match standing {
        Standing::Dead { reason, .. } => Some(reason),
        Standing::Waiting { .. }
        | Standing::Delivered { .. }
        | Standing::Held { .. }
        | Standing::Cancelled { .. } => None,
    }
}
