//! What an endpoint's latest attempts come to: by hour, and how long they took.

use std::time::Duration;

use domain::id::{EndpointId, TenantId};
use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::fence::fence;
use crate::pool::Store;
use crate::sql::{get, rows};

/// The most attempts that are read for one endpoint's figures.
pub const ATTEMPTS: u16 = 5_000;

/// An hour's attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    /// When it begins.
    pub at: OffsetDateTime,
    /// Attempts that arrived.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
}

/// What an endpoint's latest attempts come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// The hours with any attempt, the earliest first.
    pub hours: Vec<Hour>,
    /// The earliest attempt that was counted, where there were more than [`ATTEMPTS`]: what was
    /// before is in no hour.
    pub counted_from: Option<OffsetDateTime>,
    /// Within which time half of those were answered that were, to the millisecond; none when none
    /// was.
    pub p50: Option<Duration>,
    /// The same for 95 of 100.
    pub p95: Option<Duration>,
}

impl Store {
    /// What a tenant's endpoint's attempts since an instant come to, by hours from that instant on;
    /// of more than [`ATTEMPTS`] the latest. Of what isn't the tenant's there are none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is.
    pub async fn endpoint_stats(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        since: OffsetDateTime,
    ) -> Result<Stats, StoreError> {
        const STATS: &str = "-- endpoint_stats
            with latest as (
                select date_bin('1 hour', started_at, $3) as hour, started_at, duration_ms,
                       status is not null as answered, outcome = 'delivered' as delivered
                from attempts
                where endpoint_id = $1 and started_at >= $3 and tenant_id = $2
                order by started_at desc limit $4
            )
            select hour, count(*) filter (where delivered) as delivered,
                   count(*) filter (where not delivered) as failed, min(started_at) as earliest,
                   percentile_disc(0.5) within group (order by duration_ms)
                       filter (where answered) as p50,
                   percentile_disc(0.95) within group (order by duration_ms)
                       filter (where answered) as p95
            from latest group by grouping sets ((hour), ()) order by hour nulls last";
        let limit = i64::from(ATTEMPTS);
        self.bounded(async {
            let mut client = self.client().await?;
            let fenced = fence(&mut client, tenant).await?;
            let named = (endpoint.uuid(), tenant.uuid());
            let found = rows(&fenced, STATS, &[&named.0, &named.1, &since, &limit]).await?;
            let (whole, hours) = found.split_last().ok_or(StoreError::NotFound)?;
            let hours = hours.iter().map(hour).collect::<Result<Vec<_>, _>>()?;
            let counted: u64 = hours.iter().map(|hour| hour.delivered + hour.failed).sum();
            let earliest = get(whole, "earliest")?;
            Ok(Stats {
                hours,
                counted_from: if counted < u64::from(ATTEMPTS) {
                    None
                } else {
                    earliest
                },
                p50: duration(whole, "p50")?,
                p95: duration(whole, "p95")?,
            })
        })
        .await
    }
}

fn hour(row: &Row) -> Result<Hour, StoreError> {
    let (delivered, failed): (i64, i64) = (get(row, "delivered")?, get(row, "failed")?);
    Ok(Hour {
        at: get(row, "hour")?,
        delivered: delivered.unsigned_abs(),
        failed: failed.unsigned_abs(),
    })
}

fn duration(row: &Row, column: &'static str) -> Result<Option<Duration>, StoreError> {
    let milliseconds: Option<i64> = get(row, column)?;
    Ok(milliseconds.map(|milliseconds| Duration::from_millis(milliseconds.unsigned_abs())))
}
