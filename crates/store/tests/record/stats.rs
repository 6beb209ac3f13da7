//! What an endpoint's latest attempts come to.

use std::time::Duration as Span;

use domain::outcome::{Failure, Observed};
use domain::report::{AttemptReport, Report, Standing};
use store::stats::{ATTEMPTS, Hour};
use time::Duration;
use time::macros::datetime;

use crate::support::{Db, answered, minted, now, number, report};

/// Attempts of the first hours are counted by hour, and their times by what was answered.
#[tokio::test]
async fn attempts_are_counted_by_hour_and_timed_by_what_was_answered() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let (endpoint, other) = (
        db.endpoint(tenant, "*").await,
        db.endpoint(tenant, "*").await,
    );
    let since = datetime!(2026-03-02 10:00 UTC);
    let attempt = |minutes: i64, milliseconds: u64, observed: Option<Observed>| {
        let mut attempt = answered(1, 200);
        attempt.started_at = since + Duration::minutes(minutes);
        attempt.duration = Span::from_millis(milliseconds);
        AttemptReport {
            observed: observed.unwrap_or(attempt.observed),
            ..attempt
        }
    };
    let refused = Observed::Failed(Failure::ConnectionRefused);
    let attempts = [
        (endpoint.id, attempt(-1, 900, None)),
        (endpoint.id, attempt(0, 10, None)),
        (endpoint.id, attempt(59, 20, None)),
        (endpoint.id, attempt(60, 9_000, Some(refused))),
        (other.id, attempt(61, 900, None)),
    ];
    let reports: Vec<Report> = attempts
        .into_iter()
        .map(|(endpoint, attempt)| {
            let standing = Standing::Delivered { attempt: number(1) };
            let mut report = report(&minted(tenant), endpoint, standing);
            report.attempt = Some(attempt);
            report
        })
        .collect();
    db.store.record_reports(&reports).await.unwrap();
    let stats = db
        .store
        .endpoint_stats(tenant, endpoint.id, since)
        .await
        .unwrap();
    let hour = |hours, delivered, failed| Hour {
        at: since + Duration::hours(hours),
        delivered,
        failed,
    };
    assert_eq!(stats.hours, [hour(0, 2, 0), hour(1, 0, 1)]);
    assert_eq!(
        (stats.p50, stats.p95),
        (Some(Span::from_millis(10)), Some(Span::from_millis(20)))
    );
    assert_eq!(stats.counted_from, None);

    let foreign = db
        .store
        .endpoint_stats(db.tenant().await, endpoint.id, since)
        .await;
    let foreign = foreign.unwrap();
    assert!(foreign.hours.is_empty() && foreign.p50.is_none());
}

/// However many there are, a bounded number is read, by the index.
#[tokio::test]
async fn a_busy_endpoint_costs_no_more_than_the_bound() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let endpoint = db.endpoint(tenant, "*").await;
    let day = now().date();
    db.store.ensure_partitions(day, 1).await.unwrap();
    let many = format!(
        "insert into attempts (day, delivery_id, attempt, event_id, endpoint_id, tenant_id,
             started_at, duration_ms, status, outcome, answer, answer_truncated)
         select '{day}', gen_random_uuid(), 1, gen_random_uuid(), '{}', '{}',
             now() - n * interval '1 second', 12, 200, 'delivered', '', false
         from generate_series(1, {ATTEMPTS} + 1000) n;
         analyze attempts",
        endpoint.id.uuid(),
        tenant.uuid(),
    );
    db.query(&many).await;
    let since = now() - Duration::hours(23);
    let stats = db
        .store
        .endpoint_stats(tenant, endpoint.id, since)
        .await
        .unwrap();
    let counted: u64 = stats.hours.iter().map(|hour| hour.delivered).sum();
    assert_eq!(counted, u64::from(ATTEMPTS));
    let from = stats.counted_from.unwrap();
    let span = now() - from;
    assert!((4_990..5_100).contains(&span.whole_seconds()), "{span}");
}
