//! What the tests of this crate share.
#![allow(
    dead_code,
    reason = "each test binary is a crate of its own and uses its share"
)]

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::topology::{Route, Topology};
use broker::{Broker, Config, Consumer, ConsumerOptions, Outgoing, Publisher, Received, ack_all};
use domain::shard::{Shard, Shards};
use futures::{StreamExt, stream};
use testkit::{Stack, eventually};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// More than any test publishes.
const MOST: usize = 500_000;

/// The broker of this stack, with nothing declared.
pub(crate) fn broker(stack: &Stack) -> Broker {
    Broker::new(&Config::new(stack.amqp_url().into(), "test")).expect("an AMQP URL")
}

/// The broker of this stack, with the topology declared.
pub(crate) async fn declared(stack: &Stack) -> Broker {
    let broker = broker(stack);
    broker
        .declare(&topology())
        .await
        .expect("an empty virtual host");
    broker
}

/// The one shard of these tests.
pub(crate) fn shard() -> Shard {
    Shards::ONE.all().next().expect("one shard")
}

/// The topology of these tests.
pub(crate) fn topology() -> Topology {
    Topology::new(Shards::ONE)
}

/// A message with this id, which is its body too.
pub(crate) fn message(route: Route, id: &str) -> Outgoing {
    Outgoing::new(route, id.to_owned(), "test", "text/plain").with_message_id(id)
}

/// A consumer of this queue, and what stops it.
pub(crate) fn consume(
    broker: &Broker,
    queue: String,
    prefetch: u16,
) -> (Consumer, CancellationToken) {
    let stop = CancellationToken::new();
    let name = "test".to_owned();
    let options = ConsumerOptions {
        queue,
        prefetch,
        name,
    };
    (broker.consumer(options, stop.clone()), stop)
}

/// The next message, which must come.
pub(crate) async fn next(consumer: &mut Consumer) -> Received {
    let next = timeout(PATIENCE, consumer.next()).await;
    next.expect("a message in time").expect("not stopped")
}

/// Waits until the queue holds so many messages that nobody has taken.
pub(crate) async fn holds(broker: &Broker, queue: &str, messages: u32) {
    eventually(
        PATIENCE,
        &format!("{messages} in {queue}"),
        async || match broker.depth(queue).await {
            Ok(depth) if depth.messages == messages => Ok(()),
            other => Err(other),
        },
    )
    .await;
}

/// Publishes numbered messages, 100 at once, until `enough` is cancelled and at least 2,000 are
/// confirmed; says how many were. `so_far` counts them meanwhile.
pub(crate) async fn publish_many(
    publisher: &Publisher,
    route: &Route,
    so_far: &AtomicUsize,
    enough: &CancellationToken,
) -> usize {
    let never = CancellationToken::new();
    stream::iter(0..MOST)
        .take_while(|n| ready(*n < 2_000 || !enough.is_cancelled()))
        .for_each_concurrent(100, async |n| {
            let message = message(route.clone(), &n.to_string());
            let published = publisher.publish_until_confirmed(message, &never).await;
            published.expect("nobody cancels");
            so_far.fetch_add(1, Ordering::Relaxed);
        })
        .await;
    so_far.load(Ordering::Relaxed)
}

/// Takes messages until all numbers below `count()` have been seen; says how many messages it took.
/// Of those that came twice, one copy must say that it may have.
pub(crate) async fn take_all(consumer: &mut Consumer, count: impl Fn() -> Option<usize>) -> usize {
    let (mut seen, mut taken) = (BTreeSet::new(), 0);
    let (mut twice, mut marked) = (BTreeSet::new(), BTreeSet::new());
    let mut deadline = Instant::now() + PATIENCE;
    while count().is_none_or(|count| seen.len() < count) {
        // Short, since the count may become known when everything has been taken.
        let Ok(batch) = timeout(Duration::from_millis(100), consumer.next_batch(50)).await else {
            let arrived = seen.len();
            assert!(
                Instant::now() < deadline,
                "{arrived} of {:?} arrived",
                count()
            );
            continue;
        };
        deadline = Instant::now() + PATIENCE;
        let mut ackers = Vec::new();
        for received in batch.expect("not stopped") {
            let (delivered, acker) = received.into_parts();
            let id = delivered.properties.message_id.clone();
            if delivered.may_be_repeated() {
                marked.insert(id.clone());
            }
            if !seen.insert(id.clone()) {
                twice.insert(id);
            }
            ackers.push(acker);
            taken += 1;
        }
        ack_all(ackers).await;
    }
    assert!(twice.is_subset(&marked), "{twice:?} of {marked:?}");
    taken
}
