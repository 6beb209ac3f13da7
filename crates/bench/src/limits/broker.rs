//! RabbitMQ alone: the three quorum queues that a delivery goes through, with nothing done at any
//! of them.

use std::time::{Duration, Instant};

use anyhow::Context;
use broker::topology::{Route, Topology, queue};
use broker::{Broker, Config, Consumer, ConsumerOptions, Outgoing, Publisher};
use bytes::Bytes;
use domain::limits;
use domain::shard::{Shard, Shards};
use sandbox::Servers;
use secrecy::SecretString;
use testkit::Stack;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Work;
use crate::table::rate;

/// Messages that are under way on each hop.
const WINDOW: usize = 64;

/// A report of a delivery without an answer's body, in bytes.
const REPORT_BYTES: usize = 160;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Takes the events of the work and their deliveries through the queues of fan-out, of the dispatchers
/// and of the recorder, with confirms and acknowledgements, [`limits::DELIVERIES_PER_MESSAGE`] to
/// a message. Gives how many deliveries a second.
pub(crate) async fn rate_of(servers: &Servers, work: Work) -> anyhow::Result<f64> {
    let Work {
        deliveries,
        fan_out,
        payload_bytes,
    } = work;
    let alone = Alone::on(servers).await?;
    let shard = alone.shard;
    let filler = |bytes: usize| Bytes::from(vec![b'x'; bytes]);
    let in_message = limits::DELIVERIES_PER_MESSAGE;
    let events = filler(payload_bytes * in_message);
    // Deliveries of the same event share its payload.
    let dispatches = filler((payload_bytes * in_message / fan_out).max(payload_bytes));
    let reports = filler(REPORT_BYTES * in_message);
    let event_messages = deliveries.div_ceil(in_message * fan_out);
    let messages = event_messages * fan_out;

    let mut hops = JoinSet::new();
    let dispatch = outgoing(Route::dispatch_now(shard), &dispatches);
    hops.spawn(pass_on(
        alone.consumer(queue::fanout(shard)),
        alone.broker.publisher("fanout"),
        move |_| dispatch.clone(),
        event_messages,
        fan_out,
    ));
    let report = outgoing(Route::results(), &reports);
    hops.spawn(pass_on(
        alone.consumer(queue::dispatch_fresh(shard)),
        alone.broker.publisher("dispatcher"),
        move |_| report.clone(),
        messages,
        1,
    ));
    hops.spawn(take(alone.consumer(queue::results()), messages));
    let first = alone.broker.publisher("ingest");
    let began = Instant::now();
    let all = async {
        publish(
            &first,
            &outgoing(Route::events(shard), &events),
            event_messages,
        )
        .await?;
        while let Some(hop) = hops.join_next().await {
            hop.context("a hop panicked")??;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, all).await??;
    let took = began.elapsed();
    alone.stop.cancel();
    let passed = u64::try_from(messages * in_message)?;
    Ok(rate(passed, took))
}

/// A broker with the queues of one shard, and nobody else at them.
pub(super) struct Alone {
    pub(super) broker: Broker,
    pub(super) shard: Shard,
    /// Ends what consumes.
    pub(super) stop: CancellationToken,
    _stack: Stack,
}

impl Alone {
    pub(super) async fn on(servers: &Servers) -> anyhow::Result<Self> {
        let stack = Stack::on(servers.access()).await;
        let broker = Broker::new(&Config::new(SecretString::from(stack.amqp_url()), "bench"))?;
        let shards = Shards::ONE;
        broker.declare(&Topology::new(shards)).await?;
        Ok(Self {
            broker,
            shard: shards.all().next().context("there is a shard")?,
            stop: CancellationToken::new(),
            _stack: stack,
        })
    }

    pub(super) fn consumer(&self, queue: String) -> Consumer {
        let options = ConsumerOptions {
            queue,
            prefetch: 2 * u16::try_from(WINDOW).unwrap_or(u16::MAX),
            name: "bench".to_owned(),
        };
        self.broker.consumer(options, self.stop.clone())
    }
}

pub(super) fn outgoing(route: Route, body: &Bytes) -> Outgoing {
    Outgoing::new(route, body.clone(), "bench", wire::CONTENT_TYPE)
}

/// Publishes the same message so often, [`WINDOW`] at a time.
pub(crate) async fn publish(
    publisher: &Publisher,
    message: &Outgoing,
    messages: usize,
) -> anyhow::Result<()> {
    let mut under_way = JoinSet::new();
    for _ in 0..messages {
        if under_way.len() >= WINDOW {
            under_way.join_next().await.context("there are some")???;
        }
        let (publisher, message) = (publisher.clone(), message.clone());
        under_way.spawn(async move { publisher.publish(message).await });
    }
    while let Some(published) = under_way.join_next().await {
        published??;
    }
    Ok(())
}

/// Publishes what is made of each message that comes, `each` times, and acknowledges it when they
/// are confirmed.
pub(super) async fn pass_on(
    mut consumer: Consumer,
    publisher: Publisher,
    make: impl Fn(&Bytes) -> Outgoing,
    messages: usize,
    each: usize,
) -> anyhow::Result<()> {
    let mut under_way = JoinSet::new();
    for _ in 0..messages {
        let received = consumer.next().await.context("the consumer has stopped")?;
        let (delivered, acker) = received.into_parts();
        let (publisher, message) = (publisher.clone(), make(&delivered.body));
        under_way.spawn(async move {
            publish(&publisher, &message, each).await?;
            acker.ack().await;
            anyhow::Ok(())
        });
    }
    while let Some(passed) = under_way.join_next().await {
        passed??;
    }
    Ok(())
}

async fn take(mut consumer: Consumer, messages: usize) -> anyhow::Result<()> {
    for _ in 0..messages {
        let received = consumer.next().await.context("the consumer has stopped")?;
        let (_, acker) = received.into_parts();
        acker.ack().await;
    }
    Ok(())
}
