//! What was started ends with its handles.

mod support;

use std::time::Duration;

use broker::topology::{Route, queue};
use broker::{Broker, Config};
use support::{PATIENCE, consume, message, next, topology};
use testkit::{Stack, eventually};
use tokio::runtime::Handle;

#[tokio::test]
async fn dropped_handles_leave_no_task() {
    let stack = Stack::new().await;
    let broker = brisk(&stack);
    broker.declare(&topology()).await.unwrap();
    quiet("the declaration").await;

    for _ in 0..3 {
        let publisher = broker.publisher("test");
        let (mut consumer, _stop) = consume(&broker, queue::results(), 5);
        publisher
            .publish(message(Route::results(), "one"))
            .await
            .unwrap();
        next(&mut consumer).await.ack().await;
    }
    quiet("publishers and consumers").await;
}

#[tokio::test]
async fn handles_dropped_before_they_connect_leave_no_task() {
    let stack = Stack::new().await;
    let broker = brisk(&stack);
    for _ in 0..3 {
        drop(broker.publisher("test"));
        drop(consume(&broker, queue::results(), 5));
    }
    quiet("publishers and consumers").await;
}

/// The library's own tasks end with the next heartbeat, which shall not be far.
fn brisk(stack: &Stack) -> Broker {
    let config = Config {
        heartbeat: Duration::from_secs(2),
        ..Config::new(stack.amqp_url().into(), "test")
    };
    Broker::new(&config).expect("an AMQP URL")
}

async fn quiet(what: &str) {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    eventually(
        PATIENCE,
        &format!("the end of {what}"),
        async || match tasks() {
            0 => Ok(()),
            alive => Err(alive),
        },
    )
    .await;
}
