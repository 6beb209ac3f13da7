//! Nothing that was confirmed is lost, however often connections are cut.

mod support;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::Publisher;
use broker::topology::{Route, queue};
use support::{PATIENCE, consume, declared, publish_many, shard, take_all};
use testkit::{Stack, eventually};
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

const CUTS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_confirmed_is_lost_when_connections_are_cut() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let route = Route::events(shard());
    let (so_far, all, enough) = (
        AtomicUsize::new(0),
        OnceLock::new(),
        CancellationToken::new(),
    );

    let publishing = async {
        let count = publish_many(&publisher, &route, &so_far, &enough).await;
        all.set(count).expect("set once");
    };
    let cutting = async {
        for _ in 0..CUTS {
            let before = so_far.load(Ordering::Relaxed);
            eventually(PATIENCE, "progress", async || {
                so_far.load(Ordering::Relaxed) >= before + 500
            })
            .await;
            cut(&stack, &publisher).await;
        }
        enough.cancel();
    };
    // Consuming meanwhile, so that cuts meet unacknowledged messages too.
    let consuming = async {
        let (mut consumer, _stop) = consume(&broker, queue::fanout(shard()), 50);
        take_all(&mut consumer, || all.get().copied()).await
    };
    let ((), (), taken) = tokio::join!(publishing, cutting, consuming);
    // Only what was in flight when a connection was cut may have come twice.
    let twice = taken - all.get().expect("published");
    assert!(twice <= CUTS * (100 + 50), "{twice} duplicates");
}

/// Cuts all connections, and sees that the publisher has lost its own.
async fn cut(stack: &Stack, publisher: &Publisher) {
    let lost = async {
        let mut look = interval(Duration::from_millis(1));
        while publisher.is_connected() {
            look.tick().await;
        }
    };
    tokio::pin!(lost);
    // The broker's list of connections is a little old, so one cut may miss.
    while timeout(Duration::from_millis(300), &mut lost)
        .await
        .is_err()
    {
        stack.broker_admin().close_connections().await;
    }
}
