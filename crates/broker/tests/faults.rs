//! A broker that is killed, or falls silent: on private servers, since it happens to all of theirs.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use broker::topology::{Route, queue};
use broker::{Broker, Config, PublishError};
use sandbox::Servers;
use support::{
    PATIENCE, consume, declared, message, next, publish_many, shard, take_all, topology,
};
use testkit::{Stack, eventually, server_options};
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_confirmed_is_lost_when_the_broker_is_killed() {
    let servers = Servers::start(server_options()).await.unwrap();
    let stack = Stack::on(servers.access()).await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let route = Route::events(shard());
    let (so_far, enough) = (AtomicUsize::new(0), CancellationToken::new());

    let killing = async {
        eventually(PATIENCE, "progress", async || {
            so_far.load(Ordering::Relaxed) >= 1_000
        })
        .await;
        servers.broker().kill().await.unwrap();
        servers.broker().start().await.unwrap();
        enough.cancel();
    };
    let publishing = publish_many(&publisher, &route, &so_far, &enough);
    let (count, ()) = tokio::join!(publishing, killing);

    let (mut consumer, _stop) = consume(&broker, queue::fanout(shard()), 200);
    take_all(&mut consumer, || Some(count)).await;
    drop(stack);
    servers.stop().await.unwrap();
}

#[tokio::test]
async fn a_silent_broker_is_noticed_by_its_heartbeat() {
    let servers = Servers::start(server_options()).await.unwrap();
    let stack = Stack::on(servers.access()).await;
    let config = Config {
        heartbeat: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(2),
        ..Config::new(stack.amqp_url().into(), "test")
    };
    let broker = Broker::new(&config).unwrap();
    broker.declare(&topology()).await.unwrap();
    let publisher = broker.publisher("test");
    publisher
        .publish(message(Route::results(), "before"))
        .await
        .unwrap();
    let (mut consumer, _stop) = consume(&broker, queue::results(), 1);
    next(&mut consumer).await.ack().await;

    servers.broker().pause().unwrap();
    let (limit, begun) = (Duration::from_millis(500), Instant::now());
    let late = publisher
        .publish_within(message(Route::results(), "late"), limit)
        .await;
    assert_eq!(late, Err(PublishError::Unknown));
    assert!(begun.elapsed() < limit * 4, "{:?}", begun.elapsed());
    eventually(PATIENCE, "the silence to be noticed", async || {
        !publisher.is_connected() && !consumer.is_connected()
    })
    .await;
    let sent = publisher
        .publish_within(message(Route::results(), "unsent"), limit)
        .await;
    assert_eq!(sent, Err(PublishError::Unavailable));

    servers.broker().resume().unwrap();
    let after = message(Route::results(), "after");
    publisher.publish_within(after, PATIENCE).await.unwrap();
    loop {
        let received = next(&mut consumer).await;
        let id = received.properties.message_id.clone();
        received.ack().await;
        if id.as_deref() == Some("after") {
            break;
        }
    }
    drop(stack);
    servers.stop().await.unwrap();
}
