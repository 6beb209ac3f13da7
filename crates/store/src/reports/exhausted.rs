//! Telling the platform of deliveries whose last attempt has failed.

use std::collections::HashSet;

use deadpool_postgres::Transaction;
use domain::delivery::DeadReason;
use domain::health::Reason;
use domain::id::DeliveryId;
use domain::operational::Operational;
use domain::report::{Report, Standing};
use serde_json::{Value, json};

use crate::error::StoreError;
use crate::operational::{self, Telling, members};
use crate::sql::{id, rows, uuids};

/// Tells of each delivery of these that is exhausted in the record now. One that has arrived after
/// all is not, whatever its last report says; one that was told before isn't told again.
pub(super) async fn tell_exhausted(
    transaction: &Transaction<'_>,
    reports: &[&Report],
) -> Result<(), StoreError> {
    const EXHAUSTED: &str = "-- deliveries_exhausted
        select d.id
        from unnest($1::uuid[], $2::date[]) as u (id, day)
        join deliveries d on d.id = u.id and d.day = u.day
        where d.state = 'dead' and d.dead_reason = 'exhausted'";
    let exhausted: Vec<&Report> = reports
        .iter()
        .copied()
        .filter(|report| is_exhausted(report.standing))
        .collect();
    if exhausted.is_empty() {
        return Ok(());
    }
    let ids = uuids(exhausted.iter().map(|report| report.delivery.id));
    let days: Vec<_> = exhausted.iter().map(|report| report.day()).collect();
    let found = rows(transaction, EXHAUSTED, &[&ids, &days]).await?;
    let found: HashSet<DeliveryId> = found
        .iter()
        .map(|row| id(row, "id"))
        .collect::<Result<_, _>>()?;
    let tellings = exhausted
        .into_iter()
        .filter(|report| found.contains(&report.delivery.id))
        .map(telling);
    operational::tell(transaction, tellings.collect()).await?;
    Ok(())
}

fn is_exhausted(standing: Standing) -> bool {
    match standing {
        Standing::Dead { reason, .. } => reason == DeadReason::Exhausted,
        Standing::Waiting { .. }
        | Standing::Delivered { .. }
        | Standing::Held { .. }
        | Standing::Cancelled { .. } => false,
    }
}

fn telling(report: &Report) -> Telling {
    let delivery = report.delivery;
    let last = report.attempt.as_ref();
    let reason = last.and_then(|attempt| Reason::of(attempt.observed));
    Telling {
        kind: Operational::DeliveryExhausted,
        key: delivery.id.to_string(),
        tenant: report.tenant,
        endpoint: Some(delivery.endpoint),
        members: members([
            ("delivery", json!(delivery.id)),
            (
                "event",
                json!({"id": report.event, "type": report.event_type}),
            ),
            ("attempts", report.standing.attempt().get().into()),
            (
                "reason",
                Value::from(reason.map(|reason| reason.to_string())),
            ),
        ]),
        at: report.at,
    }
}
