//! Reports in the record.

use std::time::Duration;

use broker::topology::{Lane, Route, queue};
use bytes::Bytes;
use domain::attempt::AttemptNumber;
use domain::breaker::{BreakerNotice, BreakerStanding, BreakerState};
use domain::id::DispatcherId;
use domain::loss::Watermark;
use domain::report::{Report, Standing};
use domain::shard::Shards;
use store::lanes::Lanes;
use testkit::eventually;
use uuid::Uuid;
use wire::MessageType;

use crate::rig::{PATIENCE, Rig};

async fn publish(rig: &Rig, reports: &[Report]) {
    let items = reports.iter().map(wire::report::encode).collect();
    rig.publish(Route::results(), MessageType::Report, items)
        .await;
}

/// Waits until the record has the report.
async fn recorded(rig: &Rig, report: &Report) {
    let delivery = report.delivery.id;
    eventually(PATIENCE, "the delivery is recorded", async || {
        let found = rig.store.delivery(rig.tenant, delivery).await;
        found.map(|record| assert_eq!(record.standing, report.standing))
    })
    .await;
    let attempts = rig
        .store
        .attempts_of_delivery(rig.tenant, delivery)
        .await
        .unwrap();
    let [attempt] = attempts.try_into().unwrap();
    assert_eq!(attempt.number, AttemptNumber::FIRST);
    assert_eq!(attempt.status, Some(200));
    assert_eq!(attempt.answer, Bytes::from_static(b"\0 ok \xff"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_recorded_however_often_they_come() {
    let rig = Rig::start().await;
    let reports: Vec<_> = (0..300).map(|_| rig.report()).collect();
    publish(&rig, &reports[..256]).await;
    publish(&rig, &reports).await;
    for report in &reports {
        recorded(&rig, report).await;
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_item_leaves_its_neighbours_alone() {
    let rig = Rig::start().await;
    let reports = [rig.report(), rig.report()];
    let poison = Bytes::from_static(b"\xff\xff no report");
    let [first, last] = [0, 1].map(|at| wire::report::encode(&reports[at]));
    let items = vec![first, poison.clone(), last];
    rig.publish(Route::results(), MessageType::Report, items)
        .await;
    for report in &reports {
        recorded(&rig, report).await;
    }
    let [letter] = rig.letters(1).await.try_into().unwrap();
    assert_eq!(letter.reason, "undecodable");
    assert_eq!(letter.body, wire::batch::join(vec![poison]));
    rig.stop().await;
}

/// How breakers stand comes by the same queue, and neither kind waits for the other.
#[tokio::test(flavor = "multi_thread")]
async fn how_breakers_stand_is_recorded_beside_reports() {
    let rig = Rig::start().await;
    let report = rig.report();
    let since = report.at;
    let notice = BreakerNotice {
        endpoint: report.delivery.endpoint,
        dispatcher: DispatcherId::from_uuid(Uuid::now_v7()),
        standing: BreakerStanding {
            state: BreakerState::Open {
                retry_at: since + time::Duration::seconds(30),
            },
            since,
        },
    };
    let poison = Bytes::from_static(b"\xff\xff no notice");
    let items = vec![wire::breaker::encode(&notice), poison.clone()];
    rig.publish(Route::results(), MessageType::Breakers, items)
        .await;
    publish(&rig, std::slice::from_ref(&report)).await;
    recorded(&rig, &report).await;
    let standing = eventually(PATIENCE, "the breaker is recorded", async || {
        let breakers = rig.store.breakers(&[notice.endpoint], since).await;
        breakers.unwrap().remove(&notice.endpoint)
    });
    assert_eq!(standing.await, notice.standing);
    let [letter] = rig.letters(1).await.try_into().unwrap();
    assert_eq!(letter.body, wire::batch::join(vec![poison]));
    rig.stop().await;
}

/// A message of a type that this version does not know is kept, and nothing else waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_another_type_is_kept() {
    let rig = Rig::start().await;
    let item = rig.dispatch(1);
    rig.publish(Route::results(), MessageType::Dispatch, vec![item.clone()])
        .await;
    let report = rig.report();
    publish(&rig, std::slice::from_ref(&report)).await;
    recorded(&rig, &report).await;
    let [letter] = rig.letters(1).await.try_into().unwrap();
    assert_eq!(letter.reason, "undecodable");
    assert_eq!(letter.body, wire::batch::join(vec![item]));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_report_is_recorded() {
    let rig = Rig::start().await;
    let report = rig.report();
    let items = vec![wire::report::encode(&report)];
    rig.publish(Route::quarantine(Lane::Results), MessageType::Report, items)
        .await;
    recorded(&rig, &report).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_wait_for_postgres_and_catch_up() {
    let rig = Rig::start().await;
    rig.postgres.refuse().await;
    rig.postgres.cut().await;
    let reports: Vec<_> = (0..5).map(|_| rig.report()).collect();
    for report in &reports {
        publish(&rig, std::slice::from_ref(report)).await;
    }
    eventually(PATIENCE, "the recorder says that it waits", async || {
        !rig.is_ready()
    })
    .await;
    rig.postgres.accept().await;
    for report in &reports {
        recorded(&rig, report).await;
    }
    eventually(PATIENCE, "the recorder is ready again", async || {
        rig.is_ready()
    })
    .await;
    rig.stop().await;
}

/// A delivery that is older than the partitions: its report is late, not lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_partition_is_made() {
    let rig = Rig::start().await;
    let mut report = rig.report();
    report.accepted_at -= time::Duration::days(20);
    publish(&rig, std::slice::from_ref(&report)).await;
    recorded(&rig, &report).await;
    rig.stop().await;
}

/// What the record says outlives a report that comes late.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_report_changes_nothing() {
    let rig = Rig::start().await;
    let report = rig.report();
    let late = Report {
        standing: Standing::Waiting {
            attempt: AttemptNumber::FIRST,
            next_attempt_at: report.at,
        },
        attempt: None,
        ..report.clone()
    };
    publish(&rig, std::slice::from_ref(&report)).await;
    recorded(&rig, &report).await;
    let after = rig.report();
    publish(&rig, &[late, after.clone()]).await;
    recorded(&rig, &after).await;
    recorded(&rig, &report).await;
    rig.stop().await;
}

/// Told with a report before it, and beside one that means nothing.
#[tokio::test(flavor = "multi_thread")]
async fn how_far_the_lanes_have_come_is_recorded() {
    let rig = Rig::start().await;
    let lanes = Lanes {
        first: queue::first_lanes(Shards::ONE),
        later: queue::later_lanes(Shards::ONE),
    };
    let report = rig.report();
    publish(&rig, std::slice::from_ref(&report)).await;
    let queues = lanes.first.iter().chain(&lanes.later);
    let told = queues.map(|queue| Watermark {
        told_at: report.accepted_at,
        queue: queue.clone(),
        passed_at: report.accepted_at,
        lag: Duration::ZERO,
    });
    let mut items: Vec<_> = told.map(|told| wire::watermark::encode(&told)).collect();
    items.push(Bytes::from_static(b"\xff"));
    rig.publish(Route::results(), MessageType::Watermark, items)
        .await;
    let horizon = eventually(PATIENCE, "every lane has told", async || {
        let horizon = rig.store.horizon(&lanes, Duration::ZERO).await;
        horizon.unwrap()
    })
    .await;
    assert_eq!(horizon.first, report.accepted_at);
    recorded(&rig, &report).await;
    let [letter] = rig.letters(1).await.try_into().unwrap();
    assert_eq!(letter.reason, "undecodable");
    rig.stop().await;
}
