use std::time::Duration;

use domain::loss::{Horizon, Watermark};
use store::lanes::Lanes;
use time::OffsetDateTime;

use crate::support::{Db, now};

fn told(queue: &str, passed_at: OffsetDateTime, lag_s: u64) -> Watermark {
    Watermark {
        queue: queue.to_owned(),
        passed_at,
        lag: Duration::from_secs(lag_s),
        told_at: passed_at + Duration::from_secs(lag_s),
    }
}

#[tokio::test]
async fn what_was_told_last_is_recorded_up_to() {
    let db = Db::new().await;
    let until = async || db.store.recorded_until().await.unwrap();
    assert_eq!(until().await, None);
    let at = now();
    let both = [told("fresh.00", at, 5), told("retry.00", at, 7)];
    db.store.record_watermarks(&both).await.unwrap();
    assert_eq!(until().await, Some(at + Duration::from_secs(7)));
    let late = [told("retry.00", at, 6)];
    db.store.record_watermarks(&late).await.unwrap();
    assert_eq!(until().await, Some(at + Duration::from_secs(7)));
}

fn lanes() -> Lanes {
    Lanes {
        first: vec!["fresh.00".to_owned(), "fresh.01".to_owned()],
        later: vec!["retry.00".to_owned()],
    }
}

#[tokio::test]
async fn nothing_is_judged_before_every_lane_has_told() {
    let db = Db::new().await;
    let horizon = async || db.store.horizon(&lanes(), Duration::ZERO).await.unwrap();
    db.store.record_watermarks(&[]).await.unwrap();
    assert_eq!(horizon().await, None);
    let at = now();
    let two = [told("fresh.00", at, 0), told("retry.00", at, 0)];
    db.store.record_watermarks(&two).await.unwrap();
    assert_eq!(horizon().await, None, "a lane of first attempts is missing");
    db.store
        .record_watermarks(&[told("fresh.01", at - Duration::from_secs(9), 0)])
        .await
        .unwrap();
    let expected = Horizon {
        first: at - Duration::from_secs(9),
        waiting: at,
    };
    assert_eq!(horizon().await, Some(expected), "the slowest lane counts");
}

#[tokio::test]
async fn the_furthest_dispatcher_counts_and_the_longest_lag() {
    let db = Db::new().await;
    let at = now();
    let before = at - Duration::from_secs(60);
    let both = [
        told("fresh.00", before, 7),
        told("fresh.00", at, 3),
        told("fresh.01", at, 0),
        told("retry.00", at, 0),
    ];
    db.store.record_watermarks(&both).await.unwrap();
    db.store
        .record_watermarks(&[told("fresh.00", before, 1)])
        .await
        .unwrap();
    let horizon = async || db.store.horizon(&lanes(), Duration::ZERO).await.unwrap();
    let first = horizon().await.unwrap().first;
    assert_eq!(first, at - Duration::from_secs(7), "the peak is remembered");

    let an_hour_ago = "update lane_passages set peak_at = now() - interval '2 hours'";
    db.stack.execute(an_hour_ago).await;
    db.store
        .record_watermarks(&[told("fresh.00", at, 1)])
        .await
        .unwrap();
    let first = horizon().await.unwrap().first;
    assert_eq!(first, at - Duration::from_secs(1), "but not for ever");
}
