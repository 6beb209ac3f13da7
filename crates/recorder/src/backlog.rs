//! How much waits at the broker, asked with each round of the ledger, shown as metrics and noted for
//! the overview.

use std::collections::BTreeMap;

use broker::Broker;
use broker::topology::{Topology, queue};
use domain::shard::Shards;
use opentelemetry::metrics::Gauge;
use opentelemetry::{KeyValue, global};
use store::depths::Depth;
use time::OffsetDateTime;

/// What waits at the broker.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Messages of accepted events that are not recorded yet.
    pub(crate) accepted: Option<i64>,
    /// Of each kind of queue, and of each tier.
    pub(crate) depths: Vec<Depth>,
}

/// Asks for the depth of every queue of ours. Queues of the same kind are counted together, so the
/// number of shards makes no labels.
#[derive(Debug)]
pub(crate) struct Backlog {
    broker: Broker,
    queues: Vec<String>,
    messages: Gauge<u64>,
    consumers: Gauge<u64>,
    parked: Gauge<u64>,
    asked: Gauge<i64>,
}

impl Backlog {
    /// Of the queues that there are with so many shards.
    pub(crate) fn new(broker: Broker, shards: Shards) -> Self {
        let meter = global::meter("posthaste");
        let gauge = |name, description, unit| {
            meter
                .u64_gauge(name)
                .with_description(description)
                .with_unit(unit)
                .build()
        };
        let queues = Topology::new(shards).queues.into_iter();
        Self {
            broker,
            queues: queues.map(|queue| queue.name).collect(),
            messages: gauge(
                "posthaste.queue.messages",
                "Messages that wait in queues, those in a consumer's hands apart, by kind of queue",
                "{message}",
            ),
            consumers: gauge(
                "posthaste.queue.consumers",
                "Consumers of queues, by kind of queue",
                "{consumer}",
            ),
            parked: gauge(
                "posthaste.tier.messages",
                "Messages that wait for a tier's delay, by tier",
                "{message}",
            ),
            asked: meter
                .i64_gauge("posthaste.queue.asked.timestamp")
                .with_description("When the broker last said what waits, in seconds since 1970")
                .with_unit("s")
                .build(),
        }
    }

    /// Asks and shows. Gives what waits; none when nobody can say, and then the metrics stay as they
    /// were.
    pub(crate) async fn look(&self) -> Option<Waiting> {
        let depths = match self.broker.depths(&self.queues).await {
            Ok(depths) => depths,
            Err(error) => {
                tracing::debug!(%error, "what waits at the broker is not known");
                return None;
            }
        };
        let mut kinds: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
        let mut noted = Vec::new();
        for (queue, depth) in self.queues.iter().zip(depths) {
            let messages = u64::from(depth.messages);
            if let Some(kind) = queue::kind_of(queue) {
                let (waiting, consumers) = kinds.entry(kind).or_default();
                *waiting += messages;
                *consumers += u64::from(depth.consumers);
            } else if let Some(tier) = queue::tier_of(queue) {
                noted.push(Depth {
                    name: tier.name().to_owned(),
                    delay: Some(tier.delay()),
                    messages,
                    consumers: 0,
                });
                let tier = KeyValue::new("tier", tier.name());
                self.parked.record(messages, &[tier]);
            }
        }
        for (kind, (messages, consumers)) in &kinds {
            let queue = [KeyValue::new("queue", *kind)];
            self.messages.record(*messages, &queue);
            self.consumers.record(*consumers, &queue);
            noted.push(Depth {
                name: (*kind).to_owned(),
                delay: None,
                messages: *messages,
                consumers: *consumers,
            });
        }
        let now = OffsetDateTime::now_utc().unix_timestamp();
        self.asked.record(now, &[]);
        let accepted = ["fanout", "fanout_bulk"].map(|kind| kinds.get(kind).map_or(0, |it| it.0));
        Some(Waiting {
            accepted: i64::try_from(accepted.iter().sum::<u64>()).ok(),
            depths: noted,
        })
    }
}
