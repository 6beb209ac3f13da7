//! Postgres goes away and comes back.

use broker::topology::{Topology, queue};
use domain::shard::Shards;
use testkit::eventually;

use crate::rig::{PATIENCE, Rig, shard};

/// More than a queue takes that is to hold one message.
const EVENTS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_for_postgres_and_catch_up() {
    let rig = Rig::start().await;
    rig.endpoints(1, "*").await;
    rig.postgres.refuse().await;
    rig.postgres.cut().await;
    let events: Vec<_> = (0..20)
        .map(|_| rig.event("shipment.created", "{}"))
        .collect();
    for event in &events {
        rig.publish(std::slice::from_ref(event)).await;
    }
    eventually(PATIENCE, "fan-out says that it waits", async || {
        !rig.is_ready()
    })
    .await;
    let dispatch = queue::dispatch_fresh(shard());
    let published = rig.broker.depth(&dispatch).await.unwrap().messages;
    assert_eq!(published, 0, "deliveries without a record");

    rig.postgres.accept().await;
    let deliveries = rig.deliveries(events.len()).await;
    let mut came: Vec<_> = deliveries.iter().map(|one| one.content.event).collect();
    let mut sent: Vec<_> = events.iter().map(|event| event.id).collect();
    came.sort_unstable();
    sent.sort_unstable();
    assert_eq!(came, sent, "each once: nothing was returned to the queue");
    rig.is_done().await;
    eventually(PATIENCE, "fan-out is ready again", async || rig.is_ready()).await;
    rig.stop().await;
}

/// What is held comes again over the new connection: it is published once, and not by both.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lost_meanwhile_makes_no_duplicates() {
    let rig = Rig::start().await;
    rig.endpoints(1, "*").await;
    rig.postgres.refuse().await;
    rig.postgres.cut().await;
    let event = rig.event("shipment.created", "{}");
    rig.publish(std::slice::from_ref(&event)).await;
    let fanout = queue::fanout(shard());
    let waits = async |messages| {
        let depth = rig.broker.depth(&fanout).await;
        depth.is_ok_and(|depth| depth.messages == messages)
    };
    eventually(PATIENCE, "the event is held", async || waits(0).await).await;
    rig.amqp.refuse().await;
    rig.amqp.cut().await;
    eventually(PATIENCE, "it is in its queue", async || waits(1).await).await;
    rig.amqp.accept().await;
    eventually(PATIENCE, "it is held again", async || waits(0).await).await;
    rig.postgres.accept().await;
    assert_eq!(rig.deliveries(1).await[0].content.event, event.id);
    rig.is_done().await;
    let dispatch = rig.broker.depth(&queue::dispatch_fresh(shard())).await;
    assert_eq!(dispatch.unwrap().messages, 0, "duplicates");
    rig.stop().await;
}

/// Nor when nobody takes what it publishes: whoever gets the event next publishes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lost_while_publishing_makes_no_duplicates() {
    let rig = Rig::with(Topology::new(Shards::ONE).with_max_length(1)).await;
    rig.endpoints(1, "*").await;
    let fanout = queue::fanout(shard());
    let waits = async || rig.broker.depth(&fanout).await.map(|depth| depth.messages);
    // More than the dispatchers' queue takes.
    for number in 1..=EVENTS {
        rig.publish(&[rig.event("shipment.created", "{}")]).await;
        eventually(PATIENCE, "the event is recorded and held", async || {
            let recorded = rig.stack.ask("select count(*)::text from events").await;
            let is_recorded = recorded.is_ok_and(|recorded| recorded == number.to_string());
            is_recorded && waits().await.is_ok_and(|waiting| waiting == 0)
        })
        .await;
    }
    rig.amqp.refuse().await;
    rig.amqp.cut().await;
    eventually(PATIENCE, "events are in their queue", async || {
        waits().await.is_ok_and(|waiting| waiting > 0)
    })
    .await;
    rig.amqp.accept().await;
    let deliveries = rig.deliveries(EVENTS).await;
    rig.is_done().await;
    let broker = rig.broker.clone();
    let stack = rig.stop_and_keep_stack().await;
    let left = broker.depth(&queue::dispatch_fresh(shard())).await;
    assert_eq!((deliveries.len(), left.unwrap().messages), (EVENTS, 0));
    drop(stack);
}

/// Held events are no reason to stay: they come back.
#[tokio::test(flavor = "multi_thread")]
async fn it_stops_while_postgres_is_away() {
    let rig = Rig::start().await;
    rig.postgres.refuse().await;
    rig.postgres.cut().await;
    rig.publish(&[rig.event("shipment.created", "{}")]).await;
    eventually(PATIENCE, "fan-out says that it waits", async || {
        !rig.is_ready()
    })
    .await;
    let broker = rig.broker.clone();
    let stack = rig.stop_and_keep_stack().await;
    eventually(PATIENCE, "the event is back in its queue", async || {
        let depth = broker.depth(&queue::fanout(shard())).await;
        depth.is_ok_and(|depth| depth.messages == 1)
    })
    .await;
    drop(stack);
}

/// A day that nobody made a partition for: fan-out makes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_partition_is_made() {
    let rig = Rig::start().await;
    rig.endpoints(1, "*").await;
    let mut event = rig.event("shipment.created", "{}");
    event.accepted_at -= time::Duration::days(20);
    rig.publish(std::slice::from_ref(&event)).await;
    assert_eq!(rig.deliveries(1).await[0].content.event, event.id);
    let days = rig.store.partitions().await.unwrap();
    assert!(days.contains(&event.accepted_at.date()), "{days:?}");
    rig.stop().await;
}
