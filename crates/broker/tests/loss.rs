//! Nothing that was confirmed is lost, however often connections are cut.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::Publisher;
use broker::topology::{Route, queue};
use futures::StreamExt;
use futures::stream;
use support::{PATIENCE, consume, declared, message, shard};
use testkit::{Stack, eventually};
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

const MESSAGES: usize = 2_000;
const CUTS: usize = 3;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_confirmed_is_lost_when_connections_are_cut() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let confirmed = Arc::new(AtomicUsize::new(0));
    let stop = CancellationToken::new();

    let publishing = stream::iter(0..MESSAGES).for_each_concurrent(100, |n| {
        let (publisher, confirmed, stop) = (publisher.clone(), confirmed.clone(), stop.clone());
        async move {
            let message = message(Route::events(shard()), &n.to_string());
            publisher
                .publish_until_confirmed(message, &stop)
                .await
                .unwrap();
            confirmed.fetch_add(1, Ordering::Relaxed);
        }
    });
    let cutting = async {
        for turn in 1..=CUTS {
            let enough = turn * MESSAGES / (CUTS + 1);
            eventually(PATIENCE, "progress", async || {
                confirmed.load(Ordering::Relaxed) >= enough
            })
            .await;
            cut(&stack, &publisher).await;
        }
    };
    // Consuming meanwhile, so that cuts meet unacknowledged messages too.
    let consuming = async {
        let (mut consumer, _stop) = consume(&broker, queue::fanout(shard()), 50);
        let mut seen = BTreeSet::new();
        let mut taken = 0;
        while seen.len() < MESSAGES {
            let batch = timeout(PATIENCE, consumer.next_batch(20)).await;
            let batch = batch
                .unwrap_or_else(|_| panic!("{} arrived", seen.len()))
                .unwrap();
            let mut ackers = Vec::with_capacity(batch.len());
            for received in batch {
                let (delivered, acker) = received.into_parts();
                seen.insert(delivered.properties.message_id);
                ackers.push(acker);
                taken += 1;
            }
            broker::ack_all(ackers).await;
        }
        taken
    };
    let ((), (), taken) = tokio::join!(publishing, cutting, consuming);
    // Only what was in flight when a connection was cut may have come twice.
    assert!(
        taken - MESSAGES <= CUTS * (100 + 50),
        "{} duplicates",
        taken - MESSAGES
    );
}
