//! Consuming: a message is ours only once it is acknowledged.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use broker::message::header;
use broker::topology::{Route, queue};
use broker::{DepthError, Headers, ack_all};
use domain::limits;
use domain::tier::Tier;
use support::{PATIENCE, broker, consume, declared, holds, message, next, shard, topology};
use testkit::{Stack, eventually};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn what_is_published_arrives_as_it_was() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let headers = Headers::new()
        .with(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        .with_number("attempt", 3);
    let sent = message(Route::dispatch_now(shard()), "one").with_headers(headers.clone());
    publisher.publish(sent).await.unwrap();

    let (mut consumer, _stop) = consume(&broker, queue::dispatch_fresh(shard()), 10);
    let received = next(&mut consumer).await;
    assert_eq!(&received.body[..], b"one");
    assert_eq!(received.properties.kind.as_deref(), Some("test"));
    assert_eq!(
        received.properties.content_type.as_deref(),
        Some("text/plain")
    );
    assert_eq!(received.properties.message_id.as_deref(), Some("one"));
    assert_eq!(received.properties.headers, headers);
    assert!(received.properties.timestamp.is_some());
    assert_eq!(received.exchange, "posthaste.dispatch");
    assert_eq!(received.routing_key, "now.00");
    assert!(!received.redelivered);
    assert_eq!(
        (received.delivery_count, received.death.clone()),
        (None, None)
    );
    received.ack().await;
    holds(&broker, &queue::dispatch_fresh(shard()), 0).await;
}

#[tokio::test]
async fn a_tier_gives_back_to_the_same_shard() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let tier = Tier::all().next().unwrap();
    let parked = std::time::Instant::now();
    let waits = message(Route::retry(tier, shard()), "one");
    publisher.publish(waits).await.unwrap();

    let (mut consumer, _stop) = consume(&broker, queue::dispatch_retry(shard()), 10);
    let received = next(&mut consumer).await;
    assert!(parked.elapsed() >= tier.delay());
    assert_eq!(received.routing_key, "1s.00");
    assert_eq!(&received.body[..], b"one");
    let death = received.death.clone().unwrap();
    assert_eq!(
        (death.queue, death.reason),
        (queue::retry(tier), "expired".to_owned())
    );
    let published = received.properties.timestamp.unwrap();
    assert_eq!(
        received.queued_at(),
        Some(published + tier.delay().as_secs())
    );

    // Where it has been does not travel on.
    let again = received.letter(Route::dispatch_slow(shard()), "test", "");
    received.ack().await;
    publisher.publish(again).await.unwrap();
    let received = next(&mut consumer).await;
    assert_eq!(received.death, None);
    received.ack().await;
}

#[tokio::test]
async fn a_batch_takes_what_is_there() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    for n in 0..30 {
        let id = n.to_string();
        publisher
            .publish(message(Route::results(), &id))
            .await
            .unwrap();
    }
    let (mut consumer, _stop) = consume(&broker, queue::results(), 20);
    let mut seen = BTreeSet::new();
    while seen.len() < 30 {
        let batch = timeout(PATIENCE, consumer.next_batch(8))
            .await
            .unwrap()
            .unwrap();
        assert!((1..=8).contains(&batch.len()));
        let mut ackers = Vec::new();
        for received in batch {
            let (delivered, acker) = received.into_parts();
            seen.insert(delivered.properties.message_id);
            ackers.push(acker);
        }
        ack_all(ackers).await;
    }
    drop(consumer);
    holds(&broker, &queue::results(), 0).await;
}

/// A consumer that ends keeps nothing from the others, however long it works on what it has taken.
#[tokio::test]
async fn what_was_fetched_and_not_taken_goes_back_at_once() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    for n in 0..50 {
        let sent = message(Route::results(), &n.to_string());
        publisher.publish(sent).await.unwrap();
    }
    let (mut consumer, stop) = consume(&broker, queue::results(), 100);
    let in_hand = next(&mut consumer).await;
    holds(&broker, &queue::results(), 0).await;
    stop.cancel();
    drop(consumer);
    holds(&broker, &queue::results(), 49).await;

    in_hand.ack().await;
    broker.farewell().await;
    let (mut consumer, _stop) = consume(&broker, queue::results(), 100);
    for _ in 0..49 {
        next(&mut consumer).await.ack().await;
    }
    holds(&broker, &queue::results(), 0).await;
}

/// Acknowledging several must not take along one between them that is still being worked on.
#[tokio::test]
async fn acknowledging_many_leaves_others_alone() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    for id in ["a", "b", "c", "d", "e"] {
        publisher
            .publish(message(Route::results(), id))
            .await
            .unwrap();
    }
    let (mut consumer, _stop) = consume(&broker, queue::results(), 10);
    let mut ackers = Vec::new();
    let mut kept = Vec::new();
    for position in 0..5 {
        let received = next(&mut consumer).await;
        if position == 2 {
            kept.push(received);
        } else {
            ackers.insert(0, received.into_parts().1);
        }
    }
    ack_all(ackers).await;
    drop((consumer, kept));

    holds(&broker, &queue::results(), 1).await;
    let (mut consumer, _stop) = consume(&broker, queue::results(), 10);
    let received = next(&mut consumer).await;
    assert_eq!(&received.body[..], b"c");
    assert_eq!(received.delivery_count, Some(1));
    received.ack().await;
}

#[tokio::test]
async fn what_is_unacknowledged_comes_back_after_a_cut() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    for id in ["a", "b"] {
        publisher
            .publish(message(Route::results(), id))
            .await
            .unwrap();
    }
    let (mut consumer, _stop) = consume(&broker, queue::results(), 10);
    let held = [next(&mut consumer).await, next(&mut consumer).await];
    let cut = async || stack.broker_admin().close_connections().await;

    let mut back = BTreeSet::new();
    while back.len() < 2 {
        // The broker's list of connections is a little old, so one cut may miss.
        if back.is_empty() {
            cut().await;
        }
        let Ok(received) = timeout(Duration::from_secs(1), consumer.next()).await else {
            continue;
        };
        let received = received.unwrap();
        assert!(received.redelivered && received.delivery_count >= Some(1));
        back.insert(received.body.clone());
        received.ack().await;
    }
    // Too late, and no error: they have been delivered again.
    for received in held {
        received.ack().await;
    }
    assert!(consumer.is_connected());
    holds(&broker, &queue::results(), 0).await;
}

#[tokio::test]
async fn what_comes_back_too_often_is_a_dead_letter() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let fresh = queue::dispatch_fresh(shard());
    let message = message(Route::dispatch_now(shard()), "poison");
    publisher.publish(message).await.unwrap();

    for returns in 0..=u64::from(limits::DELIVERY_LIMIT) {
        let (mut consumer, _stop) = consume(&broker, fresh.clone(), 1);
        let received = next(&mut consumer).await;
        assert_eq!(received.delivery_count.unwrap_or(0), returns);
        // A worker that dies.
        drop((consumer, received));
    }
    let (mut dead, _stop) = consume(&broker, queue::dead(), 1);
    let letter = next(&mut dead).await;
    assert_eq!(&letter.body[..], b"poison");
    assert_eq!(letter.properties.message_id.as_deref(), Some("poison"));
    let death = letter.death.clone().unwrap();
    assert_eq!(
        (death.queue, death.reason),
        (fresh, "delivery_limit".to_owned())
    );
    letter.ack().await;
}

#[tokio::test]
async fn a_parked_message_says_why() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let stop = CancellationToken::new();
    for id in ["a", "b"] {
        publisher
            .publish(message(Route::inbox(), id))
            .await
            .unwrap();
    }
    let (mut inbox, _stop) = consume(&broker, queue::inbox(), 10);
    let detail = "é".repeat(2_000);
    let parked = next(&mut inbox).await;
    parked
        .park(&publisher, "undecodable", &detail, &stop)
        .await
        .unwrap();
    let rejected = next(&mut inbox).await;
    rejected
        .reject(&publisher, "bad_type", "no such type", &stop)
        .await
        .unwrap();
    holds(&broker, &queue::inbox(), 0).await;

    let (mut dead, _stop) = consume(&broker, queue::dead(), 10);
    let letter = next(&mut dead).await;
    let headers = &letter.properties.headers;
    assert_eq!(&letter.body[..], b"a");
    assert_eq!(letter.properties.kind.as_deref(), Some("test"));
    assert_eq!(headers.text(header::REASON), Some("undecodable"));
    assert_eq!(headers.text(header::ORIGIN), Some("posthaste.inbox"));
    assert_eq!(headers.text(header::DETAIL), Some("é".repeat(512).as_str()));
    letter.ack().await;

    let (mut rejected, _stop) = consume(&broker, queue::rejected(), 10);
    let letter = next(&mut rejected).await;
    assert_eq!(
        letter.properties.headers.text(header::REASON),
        Some("bad_type")
    );
    letter.ack().await;
}

#[tokio::test]
async fn a_stopped_consumer_still_acknowledges() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let (mut consumer, stop) = consume(&broker, queue::results(), 10);
    publisher
        .publish(message(Route::results(), "a"))
        .await
        .unwrap();
    let in_flight = next(&mut consumer).await;
    stop.cancel();
    assert!(consumer.next().await.is_none());
    assert!(consumer.next_batch(5).await.is_none());
    eventually(PATIENCE, "the consumer to stop", async || {
        (!consumer.is_connected()).then_some(())
    })
    .await;
    drop(consumer);

    // Within the prefetch, and yet it isn't fetched.
    publisher
        .publish(message(Route::results(), "b"))
        .await
        .unwrap();
    holds(&broker, &queue::results(), 1).await;

    // Acknowledged, the other one does not come back when its channel ends.
    in_flight.ack().await;
    let (mut consumer, _stop) = consume(&broker, queue::results(), 10);
    let received = next(&mut consumer).await;
    assert_eq!(&received.body[..], b"b");
    received.ack().await;
    drop(consumer);
    holds(&broker, &queue::results(), 0).await;
}

#[tokio::test]
async fn a_queue_that_appears_later_is_consumed() {
    let stack = Stack::new().await;
    let broker = broker(&stack);
    let (mut consumer, _stop) = consume(&broker, queue::results(), 1);
    assert!(!consumer.is_connected());
    broker.declare(&topology()).await.unwrap();
    let publisher = broker.publisher("test");
    publisher
        .publish(message(Route::results(), "a"))
        .await
        .unwrap();
    next(&mut consumer).await.ack().await;
}

#[tokio::test]
async fn a_consumer_is_caught_up_when_it_could_hold_more_and_nothing_comes() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let (mut consumer, _stop) = consume(&broker, queue::results(), 2);
    assert!(!consumer.is_caught_up(), "it is not even connected");
    let caught_up = "the consumer is caught up";
    eventually(PATIENCE, caught_up, async || consumer.is_caught_up()).await;

    for id in ["a", "b", "c"] {
        let sent = message(Route::results(), id);
        publisher.publish(sent).await.unwrap();
    }
    let (one, two) = (next(&mut consumer).await, next(&mut consumer).await);
    assert!(!consumer.is_caught_up(), "it holds all that it may");
    one.ack().await;
    let three = next(&mut consumer).await;
    assert_eq!(&three.body[..], b"c");
    three.ack().await;
    assert!(consumer.is_caught_up(), "it holds one of two");
    two.ack().await;
}

#[tokio::test]
async fn the_depths_of_several_queues_are_asked_at_once() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let sent = message(Route::results(), "one");
    publisher.publish(sent).await.unwrap();
    let queues = [queue::dead(), queue::results()];
    let depths = broker.depths(&queues).await.unwrap();
    let messages: Vec<_> = depths.iter().map(|depth| depth.messages).collect();
    assert_eq!(messages, [0, 1]);
    assert_eq!(broker.depths(&[]).await.unwrap(), []);
    let error = broker.depths(&["nothing".to_owned()]).await.unwrap_err();
    assert!(matches!(error, DepthError::Missing { .. }), "{error}");
}

/// Consumers are counted as they come and go, and while nobody can be asked the last count holds.
#[tokio::test]
async fn the_consumers_of_a_queue_are_counted() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let stop = CancellationToken::new();
    let mut count = broker.consumers_of(queue::dispatch_fresh(shard()), stop.clone());
    assert_eq!(count.borrow().get(), 1, "before it is known");
    let (first, _stop_first) = consume(&broker, queue::dispatch_fresh(shard()), 10);
    let (second, _stop_second) = consume(&broker, queue::dispatch_fresh(shard()), 10);
    let mut becomes = async |consumers: u32| {
        let counted = count.wait_for(|count| count.get() == consumers);
        let counted = timeout(PATIENCE, counted).await;
        assert!(counted.expect("in time").is_ok());
    };
    becomes(2).await;
    drop(second);
    becomes(1).await;
    let (_third, _stop_third) = consume(&broker, queue::dispatch_fresh(shard()), 10);
    becomes(2).await;
    stack.broker_admin().close_connections().await;
    drop(first);
    becomes(1).await;
    stop.cancel();
}
