use broker::topology::{Route, Topology, queue};
use broker::{Config, Outgoing};
use domain::limits;
use domain::shard::Shards;
use service::{Drained, Health};
use testkit::{Stack, eventually};

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// Panics on `poison` and acknowledges all else.
async fn handle(received: Vec<Received>) -> Result<(), Interrupted> {
    for one in received {
        assert_ne!(one.body, "poison", "as this test wants it");
        one.ack().await;
    }
    Ok(())
}

async fn publish(broker: &Broker, body: &'static str) {
    let message = Outgoing::new(Route::results(), body, "test", "text/plain");
    broker.publisher("test").publish(message).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_always_panics_leaves_its_queue_and_the_lane_goes_on() {
    let stack = Stack::new().await;
    let config = Config::new(stack.amqp_url().into(), "test");
    let broker = Broker::new(&config).unwrap();
    broker.declare(&Topology::new(Shards::ONE)).await.unwrap();
    let life = Lifecycle::new();
    let lane = Lane {
        broker: broker.clone(),
        consume: ConsumerOptions {
            queue: queue::results(),
            prefetch: 10,
            name: "test".to_owned(),
        },
        most: 10,
        life: life.clone(),
        latch: Health::new().latch("lane"),
    };
    life.spawn(lane.run(handle));

    publish(&broker, "poison").await;
    let admin = stack.broker_admin();
    let what = format!("dead after {} returns", limits::DELIVERY_LIMIT);
    eventually(PATIENCE, &what, async || {
        admin
            .queue(&queue::dead())
            .await
            .is_some_and(|dead| dead.ready == 1)
    })
    .await;
    publish(&broker, "healthy").await;
    eventually(PATIENCE, "the next message is handled", async || {
        let depth = broker.depth(&queue::results()).await;
        let held = admin.queue(&queue::results()).await;
        depth.is_ok_and(|depth| depth.messages == 0) && held.is_some_and(|one| one.unacked == 0)
    })
    .await;
    assert_eq!(life.drain(PATIENCE).await, Drained::Clean);
    assert_eq!(broker.depth(&queue::results()).await.unwrap().messages, 0);
    assert_eq!(broker.depth(&queue::dead()).await.unwrap().messages, 1);
}
