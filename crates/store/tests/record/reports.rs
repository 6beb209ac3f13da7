use domain::delivery::DeadReason;
use domain::endpoint::EndpointState;
use domain::event::Event;
use domain::id::EndpointId;
use domain::outcome::{Failure, Observed};
use domain::report::{Report, Standing};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::endpoints::{GONE, Precondition, Switch};
use tokio::runtime::Runtime;

use crate::support::{Db, answered, endpoint_id, minted, now, number, report};

/// A delivery that failed so many times and then came to this end.
fn history(event: &Event, endpoint: EndpointId, failures: u32, end: u8) -> Vec<Report> {
    let mut reports: Vec<Report> = (1..=failures)
        .map(|attempt| {
            let standing = Standing::Waiting {
                attempt: number(attempt + 1),
                next_attempt_at: now(),
            };
            let mut failed = report(event, endpoint, standing);
            failed.attempt = Some(answered(attempt, 500));
            failed
        })
        .collect();
    let attempt = number(failures + 1);
    let standing = match end {
        0 => Standing::Delivered { attempt },
        1 => Standing::Dead {
            attempt,
            reason: DeadReason::Exhausted,
        },
        2 => Standing::Held { attempt },
        _ => Standing::Cancelled { attempt },
    };
    let mut last = report(event, endpoint, standing);
    last.attempt = match end {
        0 => Some(answered(failures + 1, 204)),
        1 => Some(answered(failures + 1, 500)),
        _ => None,
    };
    reports.push(last);
    reports
}

#[test]
fn every_order_of_the_reports_ends_the_same() {
    let runtime = Runtime::new().unwrap();
    let db = runtime.block_on(Db::new());
    let tenant = runtime.block_on(db.tenant());
    let config = Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    };
    let order = proptest::collection::vec(any::<prop::sample::Index>(), 1..12);
    let cases = (0u32..4, 0u8..4, order, 1usize..5, any::<u64>());
    let run = TestRunner::new(config).run(&cases, |(failures, end, extra, size, seed)| {
        let (event, endpoint) = (minted(tenant), endpoint_id());
        let history = history(&event, endpoint, failures, end);
        // Each at least once, some more often, in an order of the seed's.
        let mut sent: Vec<Report> = history.clone();
        sent.extend(extra.iter().map(|index| index.get(&history).clone()));
        sent.sort_by_cached_key(|report| {
            let number = u64::from(report.standing.rank()) ^ seed;
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
        });
        let (delivery, attempts) = runtime.block_on(async {
            for batch in sent.chunks(size) {
                db.store.record_reports(batch).await.unwrap();
            }
            let id = history[0].delivery.id;
            let delivery = db.store.delivery(tenant, id).await.unwrap();
            (
                delivery,
                db.store.attempts_of_delivery(tenant, id).await.unwrap(),
            )
        });
        let last = history.last().unwrap();
        prop_assert_eq!(delivery.standing, last.standing);
        prop_assert_eq!(delivery.updated_at, last.at);
        let made: Vec<_> = history
            .iter()
            .filter_map(|one| one.attempt.as_ref())
            .collect();
        let made: Vec<_> = made.iter().map(|one| (one.number, one.status())).collect();
        let kept: Vec<_> = attempts
            .iter()
            .map(|one| (one.number, one.status))
            .collect();
        prop_assert_eq!(kept, made);
        Ok(())
    });
    run.unwrap();
    // The stack's end needs no runtime, the pool's does.
    runtime.block_on(async { drop(db) });
}

#[tokio::test]
async fn what_has_arrived_stays_delivered() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let (event, endpoint) = (minted(tenant), endpoint_id());
    let mut arrived = report(&event, endpoint, Standing::Delivered { attempt: number(1) });
    arrived.attempt = Some(answered(1, 200));
    // The same attempt, made twice because of a kill, failed the other time.
    let waiting = Standing::Waiting {
        attempt: number(2),
        next_attempt_at: now(),
    };
    let mut failed = report(&event, endpoint, waiting);
    failed.attempt = Some(answered(1, 500));
    let mut dead = report(
        &event,
        endpoint,
        Standing::Dead {
            attempt: number(9),
            reason: DeadReason::Exhausted,
        },
    );
    dead.attempt = Some(answered(9, 500));
    db.store.record_reports(&[failed.clone()]).await.unwrap();
    db.store
        .record_reports(&[failed.clone(), arrived.clone(), failed])
        .await
        .unwrap();
    db.store.record_reports(&[dead]).await.unwrap();
    let id = arrived.delivery.id;
    let found = db.store.delivery(tenant, id).await.unwrap();
    assert_eq!(found.standing, arrived.standing);
    let attempts = db.store.attempts_of_delivery(tenant, id).await.unwrap();
    assert_eq!(
        (attempts[0].status, &*attempts[0].outcome),
        (Some(200), "delivered")
    );
}

#[tokio::test]
async fn why_there_was_no_answer_is_kept() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let waiting = Standing::Waiting {
        attempt: number(2),
        next_attempt_at: now(),
    };
    let mut failed = report(&minted(tenant), endpoint_id(), waiting);
    let mut attempt = answered(1, 0);
    attempt.observed = Observed::Failed(Failure::TlsCertificate);
    failed.attempt = Some(attempt);
    db.store
        .record_reports(std::slice::from_ref(&failed))
        .await
        .unwrap();
    let found = db.store.delivery(tenant, failed.delivery.id).await.unwrap();
    let last = found.last_attempt.unwrap();
    assert_eq!((last.status, &*last.outcome), (None, "tls_certificate"));
}

#[tokio::test]
async fn batches_that_overlap_do_not_deadlock() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let event = minted(tenant);
    let endpoints: Vec<_> = (0..40).map(|_| endpoint_id()).collect();
    let tasks = (1u32..=6).map(|turn| {
        let standing = Standing::Waiting {
            attempt: number(turn),
            next_attempt_at: now(),
        };
        let mut batch: Vec<_> = endpoints
            .iter()
            .map(|one| report(&event, *one, standing))
            .collect();
        batch.rotate_left(usize::try_from(turn * 5).unwrap());
        let store = db.store.clone();
        tokio::spawn(async move { store.record_reports(&batch).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    let attempts = "select count(*) from deliveries where attempt = 6";
    assert_eq!(db.value(attempts).await, "40");
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_once() {
    let db = Db::new().await;
    let tenant = db.tenant().await;
    let made = db.endpoint(tenant, "*").await;
    let dead = Standing::Dead {
        attempt: number(1),
        reason: DeadReason::Gone,
    };
    let mut gone = report(&minted(tenant), made.id, dead);
    gone.attempt = Some(answered(1, 410));
    gone.attempt.as_mut().unwrap().started_at = made.state_since + time::Duration::SECOND;
    db.store
        .record_reports(std::slice::from_ref(&gone))
        .await
        .unwrap();
    let disabled = db.store.endpoint(tenant, made.id).await.unwrap();
    assert_eq!(disabled.state, EndpointState::Disabled);
    assert_eq!(
        (disabled.state_reason.as_deref(), disabled.version),
        (Some(GONE), 2)
    );

    // Its owner enables it; a late copy of that report changes nothing any more.
    let enable = db
        .store
        .switch_endpoint(tenant, made.id, Precondition::Any, Switch::Enable);
    let enabled = enable.await.unwrap();
    gone.attempt.as_mut().unwrap().started_at = enabled.state_since - time::Duration::SECOND;
    db.store.record_reports(&[gone]).await.unwrap();
    assert_eq!(db.store.endpoint(tenant, made.id).await.unwrap(), enabled);
}
