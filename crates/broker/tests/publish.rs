//! Publishing: what is confirmed is stored, and what is not says why.

mod support;

use std::time::Duration;

use broker::topology::{Route, exchange, queue};
use broker::{Broker, Config, DeclareError, PublishError};
use futures::future::join_all;
use support::{PATIENCE, broker, consume, declared, holds, message, next, shard, topology};
use testkit::Stack;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn declaring_twice_changes_nothing() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    publisher
        .publish(message(Route::inbox(), "one"))
        .await
        .unwrap();
    broker.declare(&topology()).await.unwrap();
    holds(&broker, &queue::inbox(), 1).await;
}

#[tokio::test]
async fn a_difference_names_the_queue() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let different = topology().with_max_length(10);
    match broker.declare(&different).await {
        Err(DeclareError::Conflict { name, .. }) => assert_eq!(name, queue::inbox()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_route_is_confirmed() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    for route in [
        Route::inbox(),
        Route::events(shard()),
        Route::dispatch_now(shard()),
        Route::dispatch_slow(shard()),
        Route::results(),
        Route::dead(),
        Route::rejected(),
    ] {
        publisher.publish(message(route, "one")).await.unwrap();
    }
    holds(&broker, &queue::dispatch_retry(shard()), 1).await;
}

/// The broker returns what it can't route between the confirms of what it can, and confirms many
/// with one frame; the library then mixes up which is which. Each message must get its own verdict
/// all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_unroutable_ones_are_unroutable() {
    let stack = Stack::new().await;
    let broker = broker(&stack);
    let mut topology = topology();
    topology
        .bindings
        .retain(|binding| binding.exchange != exchange::RESULTS);
    broker.declare(&topology).await.unwrap();
    let publisher = broker.publisher("test");

    // Everybody goes on as soon as the last message has its verdict, so that returned messages and
    // confirms of others are under way at the same time.
    let publishers = (0..200_u32).map(|one| {
        let publisher = publisher.clone();
        tokio::spawn(async move {
            for n in 0..20 {
                let unroutable = (one * 7 + n * 3) % 5 == 0;
                let route = if unroutable {
                    Route::results()
                } else {
                    Route::events(shard())
                };
                let message = message(route, &format!("{one}.{n}"));
                let published = publisher.publish_within(message, PATIENCE).await;
                let expected = if unroutable {
                    Err(PublishError::Unroutable)
                } else {
                    Ok(())
                };
                assert_eq!(published, expected, "message {n} of {one}");
            }
        })
    });
    for publisher in join_all(publishers).await {
        publisher.unwrap();
    }
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let stack = Stack::new().await;
    let broker = broker(&stack);
    broker
        .declare(&topology().with_max_length(1))
        .await
        .unwrap();
    let publisher = broker.publisher("test");
    // The bound is soft, so the first one over it may still be taken.
    let mut stored = 0;
    let refused = loop {
        match publisher.publish(message(Route::results(), "one")).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100, "the queue takes everything");
    };
    assert_eq!(refused, PublishError::Refused);

    // Who waits gets in as soon as there is room.
    let stop = CancellationToken::new();
    let waits = publisher.publish_until_confirmed(message(Route::results(), "waited"), &stop);
    let takes = async {
        let (mut consumer, _stop) = consume(&broker, queue::results(), 10);
        loop {
            let received = next(&mut consumer).await;
            let id = received.properties.message_id.clone();
            received.ack().await;
            if id.as_deref() == Some("waited") {
                break;
            }
        }
    };
    let (waited, ()) = tokio::join!(waits, takes);
    waited.unwrap();
}

#[tokio::test]
async fn what_is_missing_is_declared_again() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    stack.broker_admin().delete_queue(&queue::results()).await;
    let published = publisher.publish(message(Route::results(), "one")).await;
    assert_eq!(published, Err(PublishError::Unroutable));

    let stop = CancellationToken::new();
    let message = message(Route::results(), "one");
    publisher
        .publish_until_confirmed(message, &stop)
        .await
        .unwrap();
    holds(&broker, &queue::results(), 1).await;
}

#[tokio::test]
async fn without_a_broker_nothing_was_sent() {
    // Bound and never accepting: nobody else can listen there meanwhile.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://{}", silent.local_addr().unwrap());
    let broker = Broker::new(&Config::new(url.into(), "test")).unwrap();
    let publisher = broker.publisher("test");
    let soon = Duration::from_millis(200);
    let published = publisher
        .publish_within(message(Route::inbox(), "one"), soon)
        .await;
    assert_eq!(published, Err(PublishError::Unavailable));
    assert!(!publisher.is_connected());

    let stop = CancellationToken::new();
    stop.cancel();
    let message = message(Route::inbox(), "one");
    assert!(
        publisher
            .publish_until_confirmed(message, &stop)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    for url in ["http://localhost", "localhost", ""] {
        assert!(
            Broker::new(&Config::new(url.into(), "test")).is_err(),
            "{url}"
        );
    }
}
