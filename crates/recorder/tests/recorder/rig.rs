//! The recorder in this process, on a database and a virtual host of its own.

use std::time::Duration;

use broker::topology::{Route, Topology};
use broker::{Broker, ConsumerOptions, Outgoing, Publisher};
use bytes::Bytes;
use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::{Delivery, Due};
use domain::dispatch::{Content, Payload};
use domain::id::{DeliveryId, EndpointId, EventId, TenantId};
use domain::outcome::Observed;
use domain::report::{AttemptReport, Extent, Report, Standing};
use domain::shard::{Shard, Shards};
use domain::trace::TraceContext;
use service::{Drained, Health, Lifecycle, Readiness};
use store::dead_letters::{NewDeadLetter, Search, Viewer, Which};
use store::{Keyring, PageRequest, Store};
use testkit::{Proxy, Stack, eventually};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use wire::MessageType;
use wire::dispatch::Target;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    pub(crate) stack: Stack,
    /// Between the recorder and Postgres.
    pub(crate) postgres: Proxy,
    /// Not through the proxy.
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    pub(crate) publisher: Publisher,
    pub(crate) tenant: TenantId,
    life: Lifecycle,
    health: Health,
}

impl Rig {
    /// A migrated database and a declared topology, and nobody at work yet.
    pub(crate) async fn prepare() -> Self {
        let stack = Stack::new().await;
        let url = stack.postgres_url();
        store::migrate(&url.clone().into()).await.unwrap();
        let config = broker::Config::new(stack.amqp_url().into(), "test");
        let broker = Broker::new(&config).unwrap();
        broker.declare(&Topology::new(Shards::ONE)).await.unwrap();
        Self {
            postgres: Proxy::before(&url).await,
            store: connect(&url),
            publisher: broker.publisher("test"),
            broker,
            tenant: TenantId::from_uuid(Uuid::now_v7()),
            life: Lifecycle::new(),
            health: Health::new(),
            stack,
        }
    }

    /// The recorder at work.
    pub(crate) async fn start() -> Self {
        let rig = Self::prepare().await;
        rig.work().await;
        rig
    }

    pub(crate) async fn work(&self) {
        let parts = recorder::Parts {
            broker: self.broker.clone(),
            store: connect(&self.postgres.url(&self.stack.postgres_url())),
            shards: Shards::ONE,
        };
        let config = recorder::Config::default();
        let role = recorder::run(config, parts, self.life.clone(), self.health.clone());
        self.life.spawn(role);
        eventually(PATIENCE, "the recorder is ready", async || self.is_ready()).await;
    }

    pub(crate) fn is_ready(&self) -> bool {
        !self.health.parts().is_empty() && self.health.readiness() == Readiness::Ready
    }

    /// Stops the recorder, which must end by itself.
    pub(crate) async fn stop(self) {
        assert_eq!(self.life.drain(PATIENCE).await, Drained::Clean);
    }

    /// A report of a delivery's only attempt.
    pub(crate) fn report(&self) -> Report {
        let now = now();
        Report {
            delivery: delivery(),
            event: EventId::from_uuid(Uuid::now_v7()),
            event_type: "shipment.created".parse().unwrap(),
            tenant: self.tenant,
            accepted_at: now,
            standing: Standing::Delivered {
                attempt: AttemptNumber::FIRST,
            },
            attempt: Some(AttemptReport {
                number: AttemptNumber::FIRST,
                started_at: now,
                duration: Duration::from_millis(12),
                observed: Observed::Answered {
                    status: 200,
                    retry_after: None,
                },
                answer: Bytes::from_static(b"\0 ok \xff"),
                extent: Extent::Whole,
            }),
            at: now,
            trace: TraceContext::default(),
        }
    }

    /// One event with a delivery to each of so many endpoints, as one item.
    pub(crate) fn dispatch(&self, targets: usize) -> Bytes {
        let now = now();
        let content = Content {
            event: EventId::from_uuid(Uuid::now_v7()),
            tenant: self.tenant,
            event_type: "shipment.created".parse().unwrap(),
            timestamp: now,
            accepted_at: now,
            payload: Payload::Inline(Bytes::from_static(b"{}")),
            trace: TraceContext::default(),
        };
        let target = |_| {
            Target::now(Due {
                delivery: delivery(),
                attempt: AttemptNumber::FIRST,
            })
        };
        let targets: Vec<_> = (0..targets).map(target).collect();
        wire::dispatch::encode(&content, &targets)
    }

    pub(crate) async fn publish(&self, route: Route, kind: MessageType, items: Vec<Bytes>) {
        let body = wire::batch::join(items);
        let message = Outgoing::new(route, body, kind.as_str(), wire::CONTENT_TYPE);
        self.publisher.publish(message).await.unwrap();
    }

    /// Takes the queue's only message and drops the connection, so often.
    pub(crate) async fn give_back(&self, queue: &str, times: u32) {
        for _ in 0..times {
            let options = ConsumerOptions {
                queue: queue.to_owned(),
                prefetch: 1,
                name: "test".to_owned(),
            };
            let mut consumer = self.broker.consumer(options, CancellationToken::new());
            let received = tokio::time::timeout(PATIENCE, consumer.next()).await;
            drop(received.expect("it comes back").expect("not stopped"));
        }
    }

    /// The next so many bodies of a queue.
    pub(crate) async fn bodies(&self, queue: String, count: usize) -> Vec<Bytes> {
        let options = ConsumerOptions {
            queue,
            prefetch: 100,
            name: "test".to_owned(),
        };
        let mut consumer = self.broker.consumer(options, CancellationToken::new());
        let mut bodies = Vec::new();
        while bodies.len() < count {
            let received = tokio::time::timeout(PATIENCE, consumer.next()).await;
            let received = received.expect("a message in time").expect("not stopped");
            bodies.push(received.body.clone());
            received.ack().await;
        }
        bodies
    }

    /// The dead letters, once there are exactly so many.
    pub(crate) async fn letters(&self, count: usize) -> Vec<NewDeadLetter> {
        let search = Search::of(Which::All);
        let found = eventually(PATIENCE, "dead letters", async || {
            let page = self.store.dead_letters(&search, PageRequest::FIRST).await;
            let letters = page.unwrap().rows;
            if letters.len() == count {
                Ok(letters)
            } else {
                Err(letters)
            }
        })
        .await;
        let mut letters = Vec::new();
        for one in found {
            let letter = self.store.dead_letter(Viewer::Platform, one.id).await;
            letters.push(letter.unwrap().letter);
        }
        letters
    }
}

fn delivery() -> Delivery {
    Delivery {
        id: DeliveryId::from_uuid(Uuid::now_v7()),
        endpoint: EndpointId::from_uuid(Uuid::now_v7()),
        trigger: Trigger::Automatic,
        replay_of: None,
    }
}

/// To the microsecond, as messages and the record keep an instant.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.microsecond() * 1_000).unwrap()
}

pub(crate) fn shard() -> Shard {
    Shards::ONE.all().next().unwrap()
}

fn connect(url: &str) -> Store {
    let keyring = Keyring::generate("test").unwrap();
    let keyring: Keyring = secrecy::ExposeSecret::expose_secret(&keyring)
        .parse()
        .unwrap();
    Store::connect(store::Config::new(url.to_owned().into(), keyring)).unwrap()
}
