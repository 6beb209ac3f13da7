//! The ledger as the API shows it, and reconciling against a real broker.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use broker::ConsumerOptions;
use broker::topology::queue;
use console::reconcile::{Deed, Options, Parts, ReconcileError, Summary, reconcile};
use domain::attempt::AttemptNumber;
use domain::dispatch::Custody;
use domain::loss::{Horizon, Watermark};
use domain::report::Standing;
use domain::shard::Shards;
use serde_json::json;
use store::lanes::Lanes;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::past::{self, DELIVERED, HELD};
use crate::world::{PATIENCE, World, text};

const SECOND_ATTEMPT: AttemptNumber = AttemptNumber::FIRST.next();

/// An hour from now: whatever is there is older.
fn later() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::from_secs(3_600)
}

fn overdue() -> Standing {
    Standing::Waiting {
        attempt: SECOND_ATTEMPT,
        next_attempt_at: OffsetDateTime::now_utc() - Duration::from_secs(60),
    }
}

/// Tells that every lane has passed all that was published until now.
async fn all_passed(world: &World) {
    let first = queue::first_lanes(Shards::ONE);
    let told = first.into_iter().chain(queue::later_lanes(Shards::ONE));
    let told = told.map(|queue| Watermark {
        told_at: OffsetDateTime::now_utc(),
        queue,
        passed_at: OffsetDateTime::now_utc(),
        lag: Duration::ZERO,
    });
    let told: Vec<_> = told.collect();
    world.store.record_watermarks(&told).await.unwrap();
}

/// An endpoint of acme's that keeps what is held.
async fn paused_endpoint(world: &World) -> serde_json::Value {
    let endpoint = world.endpoint(&world.acme).await;
    let pause = world
        .acme
        .path(&format!("endpoints/{}/pause", text(&endpoint, "id")));
    let paused = world.post(&world.acme.key, &pause, json!(null)).await;
    assert_eq!(paused.status, 200, "{paused:?}");
    endpoint
}

async fn run(world: &World, deed: Deed) -> Result<Summary, ReconcileError> {
    let parts = Parts {
        broker: world.broker.clone(),
        store: world.store.clone(),
        shards: Shards::ONE,
    };
    let options = Options {
        deed,
        rate: NonZeroU16::new(20).unwrap(),
        grace: Duration::ZERO,
    };
    reconcile(parts, options, |_| {}).await
}

async fn on_retry_lane(world: &World) -> u32 {
    let lane = queue::dispatch_retry(Shards::ONE.all().next().unwrap());
    world.broker.depth(&lane).await.unwrap().messages
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_shown_for_the_platform_and_for_a_tenant() {
    let world = World::start().await;
    let endpoint = paused_endpoint(&world).await;
    for standing in [DELIVERED, DELIVERED, HELD, overdue()] {
        past::delivery(&world, &world.acme, &endpoint, standing).await;
    }
    let horizon = Horizon {
        first: later(),
        waiting: later(),
    };
    world
        .store
        .take_ledger(Some(horizon), Some(2))
        .await
        .unwrap();

    let whole = world.get(&world.platform, "/v1/ledger").await.json();
    let counts = json!([
        whole["recorded"],
        whole["delivered"],
        whole["waiting"],
        whole["held"],
        whole["unsettled"],
    ]);
    assert_eq!(counts, json!([4, 2, 1, 1, 0]), "{whole}");
    assert_eq!(
        whole["missing"],
        json!({"first_attempts": 0, "later_attempts": 1})
    );
    assert_eq!(whole["balance"], "unbalanced");
    assert_eq!(whole["accepted_messages"], 2);
    assert!(whole["balanced_at"].is_null(), "it never did");
    assert!(whole["judged_before"]["first_attempts"].is_string());

    let path = world.acme.path("ledger");
    let mine = world.get(&world.acme.key, &path).await.json();
    assert_eq!(
        (&mine["recorded"], &mine["taken_at"]),
        (&json!(4), &whole["taken_at"])
    );
    assert_eq!(mine["balance"], "unbalanced");
    assert!(mine.get("accepted_messages").is_none());
    let path = world.umbrella.path("ledger");
    let theirs = world.get(&world.umbrella.key, &path).await.json();
    assert_eq!(text(&theirs, "balance"), "balanced");
    assert_eq!(theirs["recorded"], 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_before_every_lane_has_told() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    past::delivery(&world, &world.acme, &endpoint, overdue()).await;
    let refused = run(&world, Deed::Send).await.unwrap_err();
    assert!(matches!(refused, ReconcileError::Untold), "{refused}");
    assert_eq!(on_retry_lane(&world).await, 0);
    world.stop().await;
}

/// Fan-out may have recorded what is first in its queue, and not published it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_while_fan_out_has_yet_to_publish() {
    let world = World::start().await;
    all_passed(&world).await;
    let shard = Shards::ONE.all().next().unwrap();
    let fanout = queue::fanout(shard);
    let admin = world.stack.broker_admin();
    admin.publish("", &fanout, b"", json!({})).await;
    let refused = run(&world, Deed::Send).await.unwrap_err();
    assert!(
        matches!(&refused, ReconcileError::FanoutAway { queue } if *queue == fanout),
        "{refused}"
    );
    let options = ConsumerOptions {
        queue: fanout,
        prefetch: 1,
        name: "test".to_owned(),
    };
    let mut fanout = world.broker.consumer(options, CancellationToken::new());
    let taken = tokio::time::timeout(PATIENCE, fanout.next()).await;
    let _held = taken.expect("a message in time").expect("not stopped");
    run(&world, Deed::Send).await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_sends_nothing() {
    let world = World::start().await;
    let endpoint = paused_endpoint(&world).await;
    for standing in [overdue(), overdue(), DELIVERED, HELD] {
        past::delivery(&world, &world.acme, &endpoint, standing).await;
    }
    past::unreported(&world, &world.acme, &endpoint).await;
    all_passed(&world).await;
    for _ in 0..2 {
        let counted = run(&world, Deed::Count).await.unwrap();
        assert_eq!((counted.first, counted.later), (1, 2));
    }
    assert_eq!(on_retry_lane(&world).await, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_sent_once_as_the_record_knows_it() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    let waiting = past::delivery(&world, &world.acme, &endpoint, overdue()).await;
    past::delivery(&world, &world.acme, &endpoint, DELIVERED).await;
    let event = past::unreported(&world, &world.acme, &endpoint).await;
    all_passed(&world).await;

    let sent = run(&world, Deed::Send).await.unwrap();
    assert_eq!((sent.first, sent.later, sent.unconfirmed), (1, 1, 0));
    let later = world.next_on_retry_lane().await;
    assert_eq!(later.due.delivery.id, waiting.delivery.id);
    assert_eq!(later.due.attempt, SECOND_ATTEMPT);
    assert_eq!(
        later.custody,
        Custody::HandedOver,
        "the record is asked first"
    );
    let first = world.next_on_retry_lane().await;
    assert_eq!(first.content.event, event);
    assert_eq!(first.due.attempt, AttemptNumber::FIRST);

    // Both are due now, and no longer lost by what the lanes have told until now.
    let lanes = Lanes {
        first: queue::first_lanes(Shards::ONE),
        later: queue::later_lanes(Shards::ONE),
    };
    let horizon = world.store.horizon(&lanes, Duration::from_secs(3_600));
    let horizon = horizon.await.unwrap().unwrap();
    assert_eq!(world.store.count_overdue(horizon.waiting).await.unwrap(), 0);
    let ledger = world.store.take_ledger(None, None).await.unwrap();
    assert_eq!((ledger.counts.waiting, ledger.counts.unsettled()), (2, 0));
    world.stop().await;
}

/// 20 a second: 60 of them take two seconds more than the first 20.
#[tokio::test(flavor = "multi_thread")]
async fn the_rate_is_kept() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    for _ in 0..30 {
        past::delivery(&world, &world.acme, &endpoint, overdue()).await;
        past::unreported(&world, &world.acme, &endpoint).await;
    }
    all_passed(&world).await;
    let begun = Instant::now();
    let sent = run(&world, Deed::Send).await.unwrap();
    assert_eq!((sent.first, sent.later), (30, 30));
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_away_leaves_the_rest_lost() {
    let world = World::start().await;
    let endpoint = world.endpoint(&world.acme).await;
    past::delivery(&world, &world.acme, &endpoint, overdue()).await;
    all_passed(&world).await;
    let lane = queue::dispatch_retry(Shards::ONE.all().next().unwrap());
    world.stack.broker_admin().delete_queue(&lane).await;
    let error = run(&world, Deed::Send).await.unwrap_err();
    assert!(matches!(error, ReconcileError::Unconfirmed), "{error}");
    assert_eq!(run(&world, Deed::Count).await.unwrap().later, 1);
    world.stop().await;
}
