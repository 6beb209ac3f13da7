//! What an endpoint's attempts of the last 24 hours come to.

use axum::Json;
use axum::extract::State;
use domain::id;
use serde::Serialize;
use service::problem::Problem;
use store::stats;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

use super::text;
use crate::access::{InTenant, Named, Read};
use crate::api::Api;
use crate::problem;

/// How many hours, the one that has begun among them.
const HOURS: i64 = 24;

/// An endpoint's attempts by hour, and how long they took.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stats {
    /// The last 24 hours, the earliest first; the last has only begun.
    pub(crate) hours: Vec<Hour>,
    /// Where there were more than 5,000 attempts: the earliest that was counted. What was before
    /// is in no hour, and in no other figure.
    pub(crate) counted_from: Option<String>,
    /// Within which time half of those were answered that were; null when none was.
    pub(crate) p50_ms: Option<u64>,
    /// The same for 95 of 100.
    pub(crate) p95_ms: Option<u64>,
}

/// An hour's attempts.
#[derive(Serialize, ToSchema)]
pub(crate) struct Hour {
    /// When it begins.
    pub(crate) at: String,
    /// Attempts that arrived.
    pub(crate) delivered: u64,
    /// Attempts that failed.
    pub(crate) failed: u64,
}

/// Get what an endpoint's attempts of the last 24 hours come to
#[utoipa::path(get, path = "/v1/tenants/{tenant}/endpoints/{endpoint}/stats", tag = "endpoints",
    params(("tenant" = String, Path), ("endpoint" = String, Path)),
    responses((status = 200, body = Stats), (status = 404)))]
pub(crate) async fn get(
    at: InTenant<Read>,
    State(api): State<Api>,
    Named(endpoint): Named<id::Endpoint>,
) -> Result<Json<Stats>, Problem> {
    let of_store = |error| problem::of_store(&error);
    let there = api.store.endpoint(at.tenant, endpoint).await;
    let endpoint = there.map_err(of_store)?.id;
    let since = since(OffsetDateTime::now_utc());
    let found = api.store.endpoint_stats(at.tenant, endpoint, since).await;
    let found = found.map_err(of_store)?;
    Ok(Json(Stats {
        hours: hours(since, &found.hours),
        counted_from: found.counted_from.map(text::instant),
        p50_ms: found.p50.map(text::milliseconds),
        p95_ms: found.p95.map(text::milliseconds),
    }))
}

/// Where the first of the hours begins.
fn since(now: OffsetDateTime) -> OffsetDateTime {
    let begun = now - Duration::nanoseconds(i64::from(now.nanosecond()));
    let begun = begun - Duration::seconds(i64::from(now.second()) + 60 * i64::from(now.minute()));
    begun - Duration::hours(HOURS - 1)
}

/// All the hours, those without attempts among them.
fn hours(since: OffsetDateTime, found: &[stats::Hour]) -> Vec<Hour> {
    let all = (0..HOURS).map(|hour| since + Duration::hours(hour));
    all.map(|at| {
        let hour = found.iter().find(|hour| hour.at == at);
        Hour {
            at: text::instant(at),
            delivered: hour.map_or(0, |hour| hour.delivered),
            failed: hour.map_or(0, |hour| hour.failed),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_hours_end_with_the_one_that_has_begun() {
        let since = since(datetime!(2026-03-02 10:15:07.123 UTC));
        assert_eq!(since, datetime!(2026-03-01 11:00 UTC));
        let one = stats::Hour {
            at: datetime!(2026-03-02 10:00 UTC),
            delivered: 2,
            failed: 1,
        };
        let hours = hours(since, &[one]);
        assert_eq!(hours.len(), 24);
        assert_eq!((hours[23].delivered, hours[23].failed), (2, 1));
        assert_eq!(
            (&*hours[0].at, hours[0].delivered),
            ("2026-03-01T11:00:00Z", 0)
        );
    }
}
