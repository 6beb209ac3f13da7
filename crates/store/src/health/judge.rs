//! Judging the facts: who is failing, and who has recovered.
//!
//! Several processes may judge at once: a row that one has in hand is passed over by the others.
//! Each thing is told once, since the row says in the same transaction that it was.

use domain::health::FailingRule;
use domain::operational::Operational;
use serde_json::Value;
use time::OffsetDateTime;
use tokio_postgres::Row;

use super::{Case, case, micros};
use crate::error::StoreError;
use crate::operational::{self, Telling, instant, members, optional_instant};
use crate::pool::Store;
use crate::sql::{get, rows};

impl Store {
    /// Tells the platform of enabled endpoints that are failing by this rule and were not told
    /// before, at most `limit` of them; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is: nothing is told then.
    pub async fn tell_failing(&self, rule: FailingRule, limit: u16) -> Result<usize, StoreError> {
        const TELL: &str = "-- endpoint_health_tell_failing
            with found as materialized (
                select h.endpoint_id, e.tenant_id
                from endpoint_health h join endpoints e on e.id = h.endpoint_id
                where h.failing_since is not null and h.told_since is null and h.failures >= $1
                  and h.last_failure_at >= h.failing_since + make_interval(secs => $2)
                  and e.state = 'enabled' and e.deleted_at is null
                order by h.endpoint_id limit $3
                for update of h skip locked
            )
            update endpoint_health h set told_since = h.failing_since
            from found f where h.endpoint_id = f.endpoint_id
            returning h.endpoint_id, f.tenant_id, h.failing_since, h.failures, h.last_success_at,
                      h.last_failure_at, h.last_failure, h.last_status, h.told_since";
        let (attempts, limit) = (i64::from(rule.attempts), i64::from(limit));
        let lasting = rule.lasting.as_secs_f64();
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let found = rows(&transaction, TELL, &[&attempts, &lasting, &limit]).await?;
            let tellings = found.iter().map(failing).collect::<Result<_, _>>()?;
            operational::tell(&transaction, tellings).await?;
            transaction.commit().await?;
            Ok(found.len())
        })
        .await
    }

    /// Tells the platform of endpoints that were told as failing and have taken a delivery since,
    /// at most `limit` of them; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is: nothing is told then.
    pub async fn tell_recovered(&self, limit: u16) -> Result<usize, StoreError> {
        // One that was enabled anew has no failure either, but no success since then.
        const TELL: &str = "-- endpoint_health_tell_recovered
            with found as materialized (
                select h.endpoint_id, e.tenant_id, h.told_since
                from endpoint_health h join endpoints e on e.id = h.endpoint_id
                where h.told_since is not null and h.failing_since is null
                  and h.last_success_at >= h.told_since and e.deleted_at is null
                order by h.endpoint_id limit $1
                for update of h skip locked
            )
            update endpoint_health h set told_since = null
            from found f where h.endpoint_id = f.endpoint_id
            returning h.endpoint_id, f.tenant_id, h.failing_since, h.failures, h.last_success_at,
                      h.last_failure_at, h.last_failure, h.last_status, f.told_since";
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let found = rows(&transaction, TELL, &[&i64::from(limit)]).await?;
            let tellings = found.iter().map(recovered).collect::<Result<_, _>>()?;
            operational::tell(&transaction, tellings).await?;
            transaction.commit().await?;
            Ok(found.len())
        })
        .await
    }
}

fn failing(row: &Row) -> Result<Telling, StoreError> {
    let Case {
        endpoint,
        tenant,
        health,
    } = case(row)?;
    let since: OffsetDateTime = get(row, "told_since")?;
    let reason = health.last_failure.map(|last| last.reason.to_string());
    Ok(Telling {
        kind: Operational::EndpointFailing,
        key: format!("{endpoint}/{}", micros(since)),
        tenant,
        endpoint: Some(endpoint),
        members: members([
            ("reason", Value::from(reason)),
            ("since", instant(since)?),
            ("failures", health.failures.into()),
            ("last_success_at", optional_instant(health.last_success_at)?),
        ]),
        at: health.last_failure.map_or(since, |last| last.at),
    })
}

fn recovered(row: &Row) -> Result<Telling, StoreError> {
    let Case {
        endpoint,
        tenant,
        health,
    } = case(row)?;
    let since: OffsetDateTime = get(row, "told_since")?;
    Ok(Telling {
        kind: Operational::EndpointRecovered,
        key: format!("{endpoint}/{}", micros(since)),
        tenant,
        endpoint: Some(endpoint),
        members: members([
            ("since", instant(since)?),
            ("recovered_at", optional_instant(health.last_success_at)?),
        ]),
        at: health.last_success_at.unwrap_or(since),
    })
}
