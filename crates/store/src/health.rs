//! Endpoints' health: what their attempts say, kept beside the attempts and judged from time to
//! time.
//!
//! `observe` keeps the facts, in the transaction that records the reports. `judge` tells the
//! platform which endpoints are failing and which have recovered, and `disable` disables those that
//! are gone or have failed for too long.
//!
//! **Invariant:** health is a table of its own, so an attempt is no change of the directory. Its
//! rows are locked in the order of their endpoints, and before the directory.

use std::collections::HashMap;

use domain::health::{Failed, Health, Reason};
use domain::id::{EndpointId, TenantId};
use domain::outcome::Failure;
use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::fence::fence;
use crate::pool::Store;
use crate::sql::{get, id, rows, uuids};

mod disable;
mod judge;
mod observe;

pub(crate) use disable::disable_gone;
pub(crate) use observe::{begin_anew, forget_failures, observe};

/// The most held deliveries of an endpoint that are counted.
pub const HELD_COUNTED: u16 = 1_000;

/// An endpoint's health as its owner sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HealthRecord {
    /// What its attempts say. The last success may be a minute behind while nothing fails.
    pub health: Health,
    /// How many deliveries are held for it, counted to one more than [`HELD_COUNTED`].
    pub held: u64,
}

impl Store {
    /// The health of these endpoints of a tenant, in one query; those that the tenant doesn't have
    /// are left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn endpoints_health(
        &self,
        tenant: TenantId,
        endpoints: impl IntoIterator<Item = EndpointId>,
    ) -> Result<HashMap<EndpointId, HealthRecord>, StoreError> {
        const HEALTH: &str = "-- endpoints_health
            select e.id, h.failing_since, coalesce(h.failures, 0) as failures, h.last_success_at,
                   h.last_failure_at, h.last_failure, h.last_status, held.held
            from endpoints e
            left join endpoint_health h on h.endpoint_id = e.id
            cross join lateral (
                select count(*) as held from (
                    select from deliveries d
                    where d.endpoint_id = e.id and d.state = 'held' limit $3
                ) d
            ) held
            where e.tenant_id = $1 and e.id = any($2)";
        let endpoints = uuids(endpoints);
        let counted = i64::from(HELD_COUNTED) + 1;
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let found = rows(&fenced, HEALTH, &[&tenant.uuid(), &endpoints, &counted]).await?;
            let read = |row: &Row| {
                let held: i64 = get(row, "held")?;
                let record = HealthRecord {
                    health: health(row)?,
                    held: held.unsigned_abs(),
                };
                Ok((id(row, "id")?, record))
            };
            found.iter().map(read).collect()
        })
        .await
    }
}

/// An endpoint whose health is told.
struct Case {
    endpoint: EndpointId,
    tenant: TenantId,
    health: Health,
}

/// Reads a row with an endpoint, its tenant and the columns of [`Health`].
fn case(row: &Row) -> Result<Case, StoreError> {
    Ok(Case {
        endpoint: id(row, "endpoint_id")?,
        tenant: id(row, "tenant_id")?,
        health: health(row)?,
    })
}

/// An instant as a key names it: microseconds, as the record keeps it.
fn micros(at: OffsetDateTime) -> i128 {
    at.unix_timestamp_nanos() / 1_000
}

/// Reads a row with the columns of [`Health`].
pub(crate) fn health(row: &Row) -> Result<Health, StoreError> {
    let failures: i64 = get(row, "failures")?;
    Ok(Health {
        last_success_at: get(row, "last_success_at")?,
        last_failure: last_failure(row)?,
        failing_since: get(row, "failing_since")?,
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
    })
}

fn last_failure(row: &Row) -> Result<Option<Failed>, StoreError> {
    let Some(at) = get(row, "last_failure_at")? else {
        return Ok(None);
    };
    let status: Option<i32> = get(row, "last_status")?;
    let reason = match status {
        Some(status) => u16::try_from(status).ok().map(Reason::Answered),
        None => get::<Option<&str>>(row, "last_failure")?
            .and_then(Failure::from_name)
            .map(Reason::NoAnswer),
    };
    let reason = reason.ok_or_else(|| StoreError::unreadable("last_failure"))?;
    Ok(Some(Failed { at, reason }))
}
