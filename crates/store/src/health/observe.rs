//! Keeping the facts, in the transaction that records the attempts.

use std::collections::BTreeMap;
use std::time::Duration;

use deadpool_postgres::Transaction;
use domain::health::{Failed, Health, Reason, Seen};
use domain::id::{EndpointId, TenantId};

use super::health;
use crate::error::StoreError;
use crate::sql::{execute, id, rows, uuids};

/// How far behind the last success may be while nothing fails. A busy endpoint that works costs a
/// write a minute, and not one a batch.
const SUCCESS_APART: Duration = Duration::from_secs(60);

/// How many of an endpoint's last attempts are asked for its last success.
const LAST_ATTEMPTS: i64 = 1_000;

/// Takes attempts in, each for the first time. Where nothing fails and nothing has failed that is
/// one query and mostly no write.
pub(crate) async fn observe(
    transaction: &Transaction<'_>,
    seen: &BTreeMap<EndpointId, Seen>,
) -> Result<(), StoreError> {
    // The last success that is known may be behind where nothing has failed since: the last
    // attempts themselves know.
    const LOCK: &str = "-- endpoint_health_lock
        select h.endpoint_id, h.failing_since, h.failures, h.last_failure_at, h.last_failure,
               h.last_status, greatest(h.last_success_at, a.started_at) as last_success_at
        from endpoint_health h
        cross join lateral (
            select max(a.started_at) filter (where a.outcome = 'delivered') as started_at
            from (
                select a.started_at, a.outcome from attempts a
                where a.endpoint_id = h.endpoint_id and h.failing_since is null
                  and a.started_at > coalesce(h.last_success_at, '-infinity')
                order by a.started_at desc limit $2
            ) a
        ) a
        where h.endpoint_id = any($1)
        order by h.endpoint_id
        for update of h";
    let due = due(transaction, seen).await?;
    if due.is_empty() {
        return Ok(());
    }
    begin(transaction, &due).await?;
    let found = rows(transaction, LOCK, &[&uuids(due), &LAST_ATTEMPTS]).await?;
    let mut changed = Vec::with_capacity(found.len());
    for row in &found {
        let (endpoint, known) = (id(row, "endpoint_id")?, health(row)?);
        if let Some(seen) = seen.get(&endpoint) {
            changed.push((endpoint, known.after(seen)));
        }
    }
    write(transaction, &changed).await
}

/// Forgets the failures of an endpoint that is not enabled and is about to be. That the platform
/// was told of them is kept: it is told of the recovery too.
pub(crate) async fn begin_anew(
    transaction: &Transaction<'_>,
    tenant: TenantId,
    endpoint: EndpointId,
) -> Result<(), StoreError> {
    const ANEW: &str = "-- endpoint_health_begin_anew
        update endpoint_health h set failing_since = null, failures = 0
        from endpoints e
        where h.endpoint_id = $1 and e.id = h.endpoint_id and e.tenant_id = $2
          and e.state <> 'enabled'";
    execute(transaction, ANEW, &[&endpoint.uuid(), &tenant.uuid()]).await?;
    Ok(())
}

/// Forgets the failures of an endpoint that is about to be deleted: nobody need look after it.
pub(crate) async fn forget_failures(
    transaction: &Transaction<'_>,
    tenant: TenantId,
    endpoint: EndpointId,
) -> Result<(), StoreError> {
    const FORGET: &str = "-- endpoint_health_forget_failures
        update endpoint_health h set failing_since = null, failures = 0
        from endpoints e
        where h.endpoint_id = $1 and e.id = h.endpoint_id and e.tenant_id = $2";
    execute(transaction, FORGET, &[&endpoint.uuid(), &tenant.uuid()]).await?;
    Ok(())
}

/// The endpoints whose health may change: all with a failure, and of the others those that are not
/// known to work.
async fn due(
    transaction: &Transaction<'_>,
    seen: &BTreeMap<EndpointId, Seen>,
) -> Result<Vec<EndpointId>, StoreError> {
    const DUE: &str = "-- endpoint_health_due
        select u.endpoint_id
        from unnest($1::uuid[], $2::timestamptz[]) as u (endpoint_id, success_at)
        left join endpoint_health h on h.endpoint_id = u.endpoint_id
        where h.failing_since is not null or h.told_since is not null
           or h.last_success_at is null
           or h.last_success_at < u.success_at - make_interval(secs => $3)";
    let (failed, working): (Vec<_>, Vec<_>) =
        seen.iter().partition(|(_, seen)| !seen.failures.is_empty());
    let mut due: Vec<EndpointId> = failed.into_iter().map(|(endpoint, _)| *endpoint).collect();
    if !working.is_empty() {
        let endpoints = uuids(working.iter().map(|(endpoint, _)| **endpoint));
        let successes: Vec<_> = working.iter().map(|(_, seen)| seen.success).collect();
        let apart = SUCCESS_APART.as_secs_f64();
        for row in rows(transaction, DUE, &[&endpoints, &successes, &apart]).await? {
            due.push(id(&row, "endpoint_id")?);
        }
    }
    Ok(due)
}

/// Makes the rows of endpoints that have none yet.
async fn begin(transaction: &Transaction<'_>, due: &[EndpointId]) -> Result<(), StoreError> {
    const BEGIN: &str = "-- endpoint_health_begin
        insert into endpoint_health (endpoint_id)
        select e.id from endpoints e where e.id = any($1) order by e.id
        on conflict (endpoint_id) do nothing";
    execute(transaction, BEGIN, &[&uuids(due.iter().copied())]).await?;
    Ok(())
}

async fn write(
    transaction: &Transaction<'_>,
    changed: &[(EndpointId, Health)],
) -> Result<(), StoreError> {
    const WRITE: &str = "-- endpoint_health_write
        update endpoint_health h
        set failing_since = u.failing_since, failures = u.failures,
            last_success_at = u.last_success_at, last_failure_at = u.last_failure_at,
            last_failure = u.last_failure, last_status = u.last_status
        from unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::timestamptz[],
                    $5::timestamptz[], $6::text[], $7::int[])
             as u (endpoint_id, failing_since, failures, last_success_at, last_failure_at,
                   last_failure, last_status)
        where h.endpoint_id = u.endpoint_id";
    let endpoints = uuids(changed.iter().map(|(endpoint, _)| *endpoint));
    let since: Vec<_> = changed.iter().map(|(_, one)| one.failing_since).collect();
    let failures: Vec<_> = changed
        .iter()
        .map(|(_, one)| i64::from(one.failures))
        .collect();
    let successes: Vec<_> = changed.iter().map(|(_, one)| one.last_success_at).collect();
    let last: Vec<_> = changed.iter().map(|(_, one)| one.last_failure).collect();
    let failed_at: Vec<_> = last.iter().map(|last| last.map(|one| one.at)).collect();
    let failure: Vec<_> = last.iter().map(|last| last.and_then(no_answer)).collect();
    let status: Vec<_> = last.iter().map(|last| last.and_then(answered)).collect();
    execute(
        transaction,
        WRITE,
        &[
            &endpoints, &since, &failures, &successes, &failed_at, &failure, &status,
        ],
    )
    .await?;
    Ok(())
}

fn no_answer(failed: Failed) -> Option<&'static str> {
    match failed.reason {
        Reason::Answered(_) => None,
        Reason::NoAnswer(failure) => Some(failure.as_str()),
    }
}

fn answered(failed: Failed) -> Option<i32> {
    match failed.reason {
        Reason::Answered(status) => Some(status.into()),
        Reason::NoAnswer(_) => None,
    }
}
