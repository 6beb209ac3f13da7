//! Connections that end while something is on its way over them.

mod support;

use broker::topology::{Route, queue};
use broker::{Broker, Config, Received};
use futures::future::try_join_all;
use support::{PATIENCE, consume, declared, message, next};
use testkit::{Proxy, Stack};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Fewer than a message may come back.
const CUTS: usize = 10;
const MESSAGES: usize = 200;

/// Whoever waits for one has a place that others need, and keeps a process from ending.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledgement_outlasts_its_connection() {
    let stack = Stack::new().await;
    let direct = declared(&stack).await;
    let publisher = direct.publisher("test");
    let proxy = Proxy::before(&stack.amqp_url()).await;
    let proxied = Config::new(proxy.url(&stack.amqp_url()).into(), "test");
    let broker = Broker::new(&proxied).unwrap();
    let prefetch = u16::try_from(MESSAGES).unwrap();
    let (mut consumer, _stop) = consume(&broker, queue::results(), prefetch);
    for _ in 0..CUTS {
        let publish = |id: usize| publisher.publish(message(Route::results(), &id.to_string()));
        try_join_all((0..MESSAGES).map(publish)).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..MESSAGES {
            held.push(next(&mut consumer).await);
        }
        let mut acknowledging: JoinSet<()> = held.into_iter().map(Received::ack).collect();
        assert!(proxy.cut().await > 0, "the fault happened");
        let acknowledged = async { while acknowledging.join_next().await.is_some() {} };
        let acknowledged = timeout(PATIENCE, acknowledged).await;
        acknowledged.expect("nobody waits for an acknowledgement any more");
    }
}
