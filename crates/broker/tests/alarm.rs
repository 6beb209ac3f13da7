//! A broker that takes no messages must not hang those who publish, nor hold up those who consume.

mod support;

use std::time::{Duration, Instant};

use broker::PublishError;
use broker::topology::{Route, queue};
use sandbox::Servers;
use support::{PATIENCE, consume, declared, holds, message, next};
use testkit::{Stack, eventually, server_options};

#[tokio::test]
async fn an_alarm_blocks_publishing_within_the_deadline_and_nothing_else() {
    let servers = Servers::start(server_options()).await.unwrap();
    let stack = Stack::on(servers.access()).await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    for n in 0..10 {
        let message = message(Route::results(), &n.to_string());
        publisher.publish(message).await.unwrap();
    }
    let (mut consumer, _stop) = consume(&broker, queue::results(), 3);
    let in_flight = next(&mut consumer).await;

    servers
        .rabbitmqctl(&["set_vm_memory_high_watermark", "0"])
        .await
        .unwrap();
    let limit = Duration::from_millis(500);
    eventually(PATIENCE, "the alarm", async || {
        let begun = Instant::now();
        let published = publisher
            .publish_within(message(Route::results(), "late"), limit)
            .await;
        assert!(begun.elapsed() < limit * 4, "{:?}", begun.elapsed());
        // The first one after the alarm is sent before the broker says that it is blocked.
        published == Err(PublishError::Unavailable)
    })
    .await;
    assert!(!publisher.is_connected());

    in_flight.ack().await;
    for _ in 1..10 {
        next(&mut consumer).await.ack().await;
    }

    servers
        .rabbitmqctl(&["set_vm_memory_high_watermark", "0.4"])
        .await
        .unwrap();
    let after = message(Route::results(), "after");
    publisher.publish_within(after, PATIENCE).await.unwrap();
    while next_id(&mut consumer).await != "after" {}
    drop(consumer);
    holds(&broker, &queue::results(), 0).await;
    drop(stack);
    servers.stop().await.unwrap();
}

async fn next_id(consumer: &mut broker::Consumer) -> String {
    let received = next(consumer).await;
    let id = received.properties.message_id.clone();
    received.ack().await;
    id.expect("ours have one")
}
