//! Fan-out in this process, on a database and a virtual host of its own.

use std::time::Duration;

use broker::topology::{Route, Topology, queue};
use broker::{Broker, ConsumerOptions, Outgoing, Publisher, ack_all};
use bytes::Bytes;
use domain::dispatch::Dispatch;
use domain::event::{Event, Identity};
use domain::id::{EndpointId, EventId, IngestId, TenantId};
use domain::shard::{Shard, Shards};
use domain::trace::TraceContext;
use service::{Drained, Health, Lifecycle, Readiness};
use store::tenants::NewTenant;
use store::{Keyring, Live, Store};
use testkit::{Proxy, Stack, eventually};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use wire::MessageType;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    pub(crate) stack: Stack,
    /// Between fan-out and Postgres.
    pub(crate) postgres: Proxy,
    /// Between fan-out and RabbitMQ.
    pub(crate) amqp: Proxy,
    /// Not through the proxies.
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    pub(crate) publisher: Publisher,
    pub(crate) tenant: TenantId,
    life: Lifecycle,
    health: Health,
}

impl Rig {
    /// Fan-out on a migrated database with one tenant.
    pub(crate) async fn start() -> Self {
        Self::with(Topology::new(Shards::ONE)).await
    }

    /// The same with these queues.
    pub(crate) async fn with(topology: Topology) -> Self {
        let stack = Stack::new().await;
        let url = stack.postgres_url();
        store::migrate(&url.clone().into()).await.unwrap();
        let store = connect(&url);
        let external_id = None;
        let name = "acme".to_owned();
        let tenant = store.create_tenant(&NewTenant { external_id, name }).await;
        let config = broker::Config::new(stack.amqp_url().into(), "test");
        let broker = Broker::new(&config).unwrap();
        broker.declare(&topology).await.unwrap();
        let postgres = Proxy::before(&url).await;
        let amqp = Proxy::before(&stack.amqp_url()).await;
        let rig = Self {
            publisher: broker.publisher("test"),
            tenant: tenant.unwrap().id,
            life: Lifecycle::new(),
            health: Health::new(),
            stack,
            postgres,
            amqp,
            store,
            broker,
        };
        rig.spawn().await;
        rig
    }

    async fn spawn(&self) {
        let store = connect(&self.postgres.url(&self.stack.postgres_url()));
        let url = self.amqp.url(&self.stack.amqp_url());
        let parts = fanout::Parts {
            broker: Broker::new(&broker::Config::new(url.into(), "fanout")).unwrap(),
            subscriptions: Live::new(&store),
            store,
            shards: Shards::ONE,
        };
        let role = fanout::run(
            fanout::Config::default(),
            parts,
            self.life.clone(),
            self.health.clone(),
        );
        self.life.spawn(role);
        eventually(PATIENCE, "fan-out is ready", async || self.is_ready()).await;
    }

    pub(crate) fn is_ready(&self) -> bool {
        !self.health.parts().is_empty() && self.health.readiness() == Readiness::Ready
    }

    /// Stops fan-out, which must end by itself.
    pub(crate) async fn stop(self) {
        assert_eq!(self.life.drain(PATIENCE).await, Drained::Clean);
    }

    /// The same, for a look at what is left.
    pub(crate) async fn stop_and_keep_stack(self) -> Stack {
        assert_eq!(self.life.drain(PATIENCE).await, Drained::Clean);
        self.stack
    }

    /// Endpoints with this subscription, in the order of their ids.
    pub(crate) async fn endpoints(&self, count: u32, pattern: &str) -> Vec<EndpointId> {
        let ids: Vec<EndpointId> = (0..count)
            .map(|_| EndpointId::from_uuid(Uuid::now_v7()))
            .collect();
        let texts: Vec<String> = ids.iter().map(|id| format!("'{}'", id.uuid())).collect();
        let statement = format!(
            "insert into endpoints (id, tenant_id, url, description, event_types, channels, \
             format, timeout_ms) \
             select u.id, '{}', 'https://receiver.example/', '', '{{{pattern}}}', '{{}}', \
             'guide', 15000 from unnest(array[{}]::uuid[]) as u (id)",
            self.tenant.uuid(),
            texts.join(","),
        );
        self.stack.execute(&statement).await;
        ids
    }

    pub(crate) fn event(&self, event_type: &str, data: impl Into<Bytes>) -> Event {
        let now = OffsetDateTime::now_utc();
        // What the messages and the record keep of an instant: microseconds.
        let now = now.replace_nanosecond(now.microsecond() * 1_000).unwrap();
        Event {
            id: EventId::from_uuid(Uuid::now_v7()),
            ingest_id: IngestId::from_uuid(Uuid::new_v4()),
            tenant: self.tenant,
            event_type: event_type.parse().unwrap(),
            data: data.into(),
            timestamp: now,
            accepted_at: now,
            channels: Vec::new(),
            identity: Identity::Minted,
            violations: Vec::new(),
            trace: TraceContext::default(),
        }
    }

    /// Publishes these as one message, as ingest does with what is above its tenant's share.
    pub(crate) async fn publish_bulk(&self, events: &[Event]) {
        let body = wire::batch::join(events.iter().map(wire::accepted::encode).collect());
        self.send(Route::events_bulk(shard()), body).await;
    }

    /// Publishes these as one message, as ingest does.
    pub(crate) async fn publish(&self, events: &[Event]) {
        self.publish_items(events.iter().map(wire::accepted::encode).collect())
            .await;
    }

    pub(crate) async fn publish_items(&self, items: Vec<Bytes>) {
        self.publish_body(wire::batch::join(items)).await;
    }

    pub(crate) async fn publish_body(&self, body: Bytes) {
        self.send(Route::events(shard()), body).await;
    }

    async fn send(&self, route: Route, body: Bytes) {
        let kind = MessageType::Accepted.as_str();
        let message = Outgoing::new(route, body, kind, wire::CONTENT_TYPE);
        self.publisher.publish(message).await.unwrap();
    }

    /// The next so many deliveries from the dispatchers' queue; more may come with the last.
    pub(crate) async fn deliveries(&self, count: usize) -> Vec<Dispatch> {
        self.deliveries_in(queue::dispatch_fresh(shard()), count)
            .await
    }

    /// The same from the dispatchers' bulk queue.
    pub(crate) async fn bulk_deliveries(&self, count: usize) -> Vec<Dispatch> {
        self.deliveries_in(queue::dispatch_bulk(shard()), count)
            .await
    }

    async fn deliveries_in(&self, queue: String, count: usize) -> Vec<Dispatch> {
        let bodies = self.bodies(queue, |bodies| {
            bodies.iter().map(|body| decoded(body).len()).sum::<usize>() >= count
        });
        bodies.await.iter().flat_map(decoded).collect()
    }

    /// The bodies in the dead letters, once there are so many.
    pub(crate) async fn dead(&self, count: usize) -> Vec<Bytes> {
        self.bodies(queue::dead(), |bodies| bodies.len() >= count)
            .await
    }

    async fn bodies(&self, queue: String, enough: impl Fn(&[Bytes]) -> bool) -> Vec<Bytes> {
        let options = ConsumerOptions {
            queue,
            prefetch: 1_000,
            name: "test".to_owned(),
        };
        let mut consumer = self.broker.consumer(options, CancellationToken::new());
        let mut bodies = Vec::new();
        while !enough(&bodies) {
            let batch = tokio::time::timeout(PATIENCE, consumer.next_batch(1_000)).await;
            let batch = batch.expect("messages in time").expect("not stopped");
            let batch: Vec<_> = batch
                .into_iter()
                .map(broker::Received::into_parts)
                .collect();
            let (messages, ackers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            bodies.extend(messages.into_iter().map(|message| message.body));
            ack_all(ackers).await;
        }
        bodies
    }

    /// Waits until fan-out has acknowledged everything: nothing waits and nothing is held.
    pub(crate) async fn is_done(&self) {
        eventually(PATIENCE, "every event is acknowledged", async || {
            let admin = self.stack.broker_admin();
            for queue in [queue::fanout(shard()), queue::fanout_bulk(shard())] {
                let depth = admin.queue(&queue).await?;
                if depth.ready + depth.unacked > 0 {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }
}

fn decoded(body: &Bytes) -> Vec<Dispatch> {
    let items = wire::batch::split(body.clone()).unwrap();
    items
        .into_iter()
        .flat_map(|item| wire::dispatch::decode(item).unwrap())
        .collect()
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
