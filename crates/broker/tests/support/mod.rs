//! What the tests of this crate share.
#![allow(
    dead_code,
    reason = "each test binary is a crate of its own and uses its share"
)]

use std::time::Duration;

use broker::topology::{Route, Topology};
use broker::{Broker, Config, Consumer, ConsumerOptions, Outgoing, Received};
use domain::shard::{Shard, Shards};
use testkit::{Stack, eventually};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

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
