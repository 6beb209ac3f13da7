//! Disabling endpoints on our word: they are gone, or have failed for too long.

use deadpool_postgres::Transaction;
use domain::health::{DisableRule, Reason};
use domain::operational::Operational;
use domain::outcome::{Outcome, classify};
use domain::report::{AttemptReport, Report};
use serde_json::Value;
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Case, case};
use crate::endpoints::{FAILING, GONE};
use crate::error::StoreError;
use crate::operational::{self, Telling, instant, members, optional_instant};
use crate::pool::Store;
use crate::sql::{get, rows};

/// Disables the endpoints that answered 410, where they are enabled and have been since before
/// that attempt: a late report doesn't undo what its owner did meanwhile. The platform is told.
pub(crate) async fn disable_gone(
    transaction: &Transaction<'_>,
    batch: &[Report],
) -> Result<(), StoreError> {
    const DISABLE: &str = "-- endpoints_disable_gone
        update endpoints e
        set state = 'disabled', state_reason = 'gone', state_since = now(),
            version = e.version + 1, updated_at = now()
        from (
            select u.id, u.tenant_id, max(u.started_at) as started_at
            from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as u (id, tenant_id, started_at)
            group by u.id, u.tenant_id
        ) gone
        left join endpoint_health h on h.endpoint_id = gone.id
        where e.id = gone.id and e.tenant_id = gone.tenant_id
          and e.state = 'enabled' and e.deleted_at is null and e.state_since < gone.started_at
        returning e.id as endpoint_id, e.tenant_id, e.version, e.state_since, h.failing_since,
                  coalesce(h.failures, 0) as failures, h.last_success_at, h.last_failure_at,
                  h.last_failure, h.last_status";
    let gone: Vec<(&Report, &AttemptReport)> = batch
        .iter()
        .filter_map(|report| Some((report, report.attempt.as_ref()?)))
        .filter(|(_, attempt)| classify(attempt.observed) == Outcome::Gone)
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    let endpoints: Vec<_> = gone
        .iter()
        .map(|(one, _)| one.delivery.endpoint.uuid())
        .collect();
    let tenants: Vec<_> = gone.iter().map(|(one, _)| one.tenant.uuid()).collect();
    let started: Vec<_> = gone.iter().map(|(_, attempt)| attempt.started_at).collect();
    let disabled = rows(transaction, DISABLE, &[&endpoints, &tenants, &started]).await?;
    tell(transaction, &disabled, GONE, |_| {
        Reason::Answered(410).to_string()
    })
    .await
}

impl Store {
    /// Disables enabled endpoints that have given nothing but failures for as long as the rule
    /// says at `now`, at most `limit` of them, and tells the platform; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is: none is disabled then.
    pub async fn disable_failing(
        &self,
        rule: DisableRule,
        now: OffsetDateTime,
        limit: u16,
    ) -> Result<usize, StoreError> {
        // First their health, in the order that everybody locks it in. An update that finds
        // nothing would still move the directory's epoch.
        const FOUND: &str = "-- endpoint_health_failed_too_long
            select h.endpoint_id
            from endpoint_health h join endpoints e on e.id = h.endpoint_id
            where h.failing_since <= $1 and h.failures >= $2 and h.last_failure_at > $3
              and e.state = 'enabled' and e.deleted_at is null
            order by h.endpoint_id limit $4
            for update of h skip locked";
        const DISABLE: &str = "-- endpoints_disable_failing
            update endpoints e
            set state = 'disabled', state_reason = 'failing', state_since = now(),
                version = e.version + 1, updated_at = now()
            from endpoint_health h
            where e.id = any($1) and h.endpoint_id = e.id
              and e.state = 'enabled' and e.deleted_at is null
            returning e.id as endpoint_id, e.tenant_id, e.version, e.state_since, h.failing_since,
                      h.failures, h.last_success_at, h.last_failure_at, h.last_failure,
                      h.last_status";
        let (since, recent) = (now - rule.after, now - DisableRule::RECENT);
        let (attempts, limit) = (i64::from(rule.attempts), i64::from(limit));
        self.bounded(async {
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            let found = rows(&transaction, FOUND, &[&since, &attempts, &recent, &limit]).await?;
            if found.is_empty() {
                return Ok(0);
            }
            let found = found.iter().map(|row| get::<Uuid>(row, "endpoint_id"));
            let found: Vec<Uuid> = found.collect::<Result<_, _>>()?;
            let disabled = rows(&transaction, DISABLE, &[&found]).await?;
            tell(&transaction, &disabled, FAILING, |case| {
                let last = case.health.last_failure.map(|last| last.reason.to_string());
                let last = last.unwrap_or_default();
                format!("nothing but failures, the last one: {last}")
            })
            .await?;
            transaction.commit().await?;
            Ok(disabled.len())
        })
        .await
    }
}

/// Tells the platform which endpoints were disabled for this cause, and why in words.
async fn tell(
    transaction: &Transaction<'_>,
    disabled: &[Row],
    cause: &'static str,
    reason: fn(&Case) -> String,
) -> Result<(), StoreError> {
    let telling = |row: &Row| {
        let (case, version): (Case, i64) = (case(row)?, get(row, "version")?);
        let at = get(row, "state_since")?;
        let since = case.health.failing_since.unwrap_or(at);
        Ok(Telling {
            kind: Operational::EndpointDisabled,
            key: format!("{}/{version}", case.endpoint),
            tenant: case.tenant,
            endpoint: Some(case.endpoint),
            members: members([
                ("cause", cause.into()),
                ("reason", Value::from(reason(&case))),
                ("since", instant(since)?),
                ("failures", case.health.failures.into()),
                (
                    "last_success_at",
                    optional_instant(case.health.last_success_at)?,
                ),
            ]),
            at,
        })
    };
    let tellings = disabled.iter().map(telling);
    let tellings = tellings.collect::<Result<_, StoreError>>()?;
    operational::tell(transaction, tellings).await?;
    Ok(())
}
