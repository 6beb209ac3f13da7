//! Ingest in this process, on a database and a virtual host of its own.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{HeaderValue, Request};
use broker::topology::{Route, Topology, queue};
use broker::{Broker, Consumer, ConsumerOptions, Delivered, Outgoing, Publisher};
use bytes::Bytes;
use domain::event::Event;
use domain::id::TenantId;
use domain::schema::SchemaMode;
use domain::shard::Shards;
use http_body_util::Full;
use service::{Drained, Health, Lifecycle, Readiness};
use store::api_keys::{ApiKey, NewApiKey, Reach, Scope};
use store::event_types::NewEntry;
use store::tenants::NewTenant;
use store::{AccessDirectory, Keyring, Live, SchemaDirectory, Store};
use testkit::{BrokerAdmin, Fetched, Proxy, Stack, eventually, fetch};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The external id of the tenant that every rig has.
pub(crate) const ACME: &str = "acme";

pub(crate) struct Rig {
    /// Between ingest and RabbitMQ.
    pub(crate) amqp: Proxy,
    /// Between ingest's snapshots and Postgres.
    postgres: Proxy,
    /// Not by the proxy.
    pub(crate) store: Store,
    pub(crate) tenant: TenantId,
    pub(crate) address: SocketAddr,
    pub(crate) life: Lifecycle,
    /// May publish for every tenant.
    key: String,
    /// Not by the proxy.
    broker: Broker,
    publisher: Publisher,
    /// Of the fan-out queue.
    accepted: Mutex<Consumer>,
    /// Of the one for what is above a tenant's share.
    bulk: Mutex<Consumer>,
    rejected: Mutex<Consumer>,
    access: Live<AccessDirectory>,
    schemas: Live<SchemaDirectory>,
    health: Health,
    /// Last, so that it is removed when nobody uses it any more.
    stack: Stack,
}

impl Rig {
    /// Ingest, ready, with one tenant that may publish as much as it likes.
    pub(crate) async fn start() -> Self {
        Self::with_shares_of(1_000_000).await
    }

    /// The same, with shares of so many events a second.
    pub(crate) async fn with_shares_of(per_second: u32) -> Self {
        let stack = Stack::new().await;
        store::migrate(&stack.postgres_url().into()).await.unwrap();
        let store = connect(&stack.postgres_url());
        let tenant = tenant(&store, ACME).await;
        let key = new_key(&store, Reach::Platform, Scope::Publish).await.1;
        let config = broker::Config::new(stack.amqp_url().into(), "test");
        let broker = Broker::new(&config).unwrap();
        broker.declare(&Topology::new(Shards::ONE)).await.unwrap();
        let shard = Shards::ONE.all().next().unwrap();
        let postgres = Proxy::before(&stack.postgres_url()).await;
        let followed = connect(&postgres.url(&stack.postgres_url()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rig = Self {
            amqp: Proxy::before(&stack.amqp_url()).await,
            postgres,
            tenant,
            address: listener.local_addr().unwrap(),
            life: Lifecycle::new(),
            key,
            publisher: broker.publisher("test"),
            accepted: consume(&broker, queue::fanout(shard)),
            bulk: consume(&broker, queue::fanout_bulk(shard)),
            rejected: consume(&broker, queue::rejected()),
            broker,
            access: Live::new(&followed),
            schemas: Live::new(&followed),
            health: Health::new(),
            store,
            stack,
        };
        rig.spawn(listener, per_second);
        let ready = tokio::time::timeout(PATIENCE, rig.health.ready());
        ready.await.expect("ingest is ready in time");
        rig
    }

    fn spawn(&self, listener: TcpListener, per_second: u32) {
        let url = self.amqp.url(&self.stack.amqp_url());
        let parts = ingest::Parts {
            broker: Broker::new(&broker::Config::new(url.into(), "ingest")).unwrap(),
            access: self.access.clone(),
            schemas: self.schemas.clone(),
            shards: Shards::ONE,
            listener,
        };
        let config = ingest::Config {
            body_bytes: domain::limits::EVENT_BODY_BYTES,
            inbox_prefetch: 256.try_into().unwrap(),
            normal_per_second: per_second.try_into().unwrap(),
            bulk_share: 50,
        };
        let (life, health) = (self.life.clone(), self.health.clone());
        self.life
            .spawn(self.access.clone().run(life.stop().clone()));
        self.life
            .spawn(self.schemas.clone().run(life.stop().clone()));
        self.life.spawn(async move {
            let ended = ingest::run(config, parts, life, health).await;
            ended.expect("there are threads");
        });
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.health.readiness() == Readiness::Ready
    }

    /// Stops ingest, which must end by itself.
    pub(crate) async fn stop(self) {
        assert_eq!(self.life.drain(PATIENCE).await, Drained::Clean);
    }

    /// A tenant more, which ingest knows already.
    pub(crate) async fn tenant(&self, external_id: &str) -> TenantId {
        let id = tenant(&self.store, external_id).await;
        self.access.refresh().await.unwrap();
        id
    }

    /// A key more, which ingest knows already.
    pub(crate) async fn key(&self, reach: Reach, scope: Scope) -> (ApiKey, String) {
        let made = new_key(&self.store, reach, scope).await;
        self.access.refresh().await.unwrap();
        made
    }

    /// What payloads of the type `shipment.created` look like, which ingest knows already.
    pub(crate) async fn schema(&self, schema: Option<&str>, mode: SchemaMode) {
        self.put_schema(schema, mode).await;
        self.schemas.refresh().await.unwrap();
    }

    /// The same, which ingest has to hear of.
    pub(crate) async fn put_schema(&self, schema: Option<&str>, mode: SchemaMode) {
        let entry = NewEntry {
            description: "",
            example: "1",
            schema,
            schema_mode: mode,
        };
        let event_type = "shipment.created".parse().unwrap();
        let put = self.store.put_event_type(&event_type, entry).await;
        put.unwrap();
    }

    /// Takes Postgres away from ingest.
    pub(crate) async fn lose_postgres(&self) {
        self.postgres.refuse().await;
        assert!(self.postgres.cut().await > 0, "nothing was cut");
        assert!(self.schemas.refresh().await.is_err(), "it is still there");
    }

    /// Has ingest look at the keys and tenants again.
    pub(crate) async fn refresh(&self) {
        self.access.refresh().await.unwrap();
    }

    /// Posts JSON with the platform's key. Headers given here stand instead of those; one without
    /// text is left out.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) -> Fetched {
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().remove(*name);
            if !value.is_empty() {
                let value: HeaderValue = value.parse().unwrap();
                request.headers_mut().insert(*name, value);
            }
        }
        fetch(request).await.unwrap()
    }

    /// Posts one event.
    pub(crate) async fn publish(&self, body: impl Into<Bytes>) -> Fetched {
        self.post("/v1/events", &[], body).await
    }

    /// Posts what must be accepted, and returns the id in the answer.
    pub(crate) async fn accepted_id(
        &self,
        headers: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) -> String {
        let answer = self.post("/v1/events", headers, body).await;
        assert_eq!(answer.status, 202, "{}", answer.json());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The head of a request for one event, for a test that writes the rest itself.
    pub(crate) fn head(&self, more: &str) -> String {
        format!(
            "POST /v1/events HTTP/1.1\r\nhost: ingest\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\nconnection: close\r\n{more}\r\n\r\n",
            self.key
        )
    }

    /// Puts a message into the inbox.
    pub(crate) async fn submit(
        &self,
        content_type: &'static str,
        kind: &'static str,
        body: impl Into<Bytes>,
    ) {
        self.submit_message(Outgoing::new(Route::inbox(), body, kind, content_type))
            .await;
    }

    pub(crate) async fn submit_message(&self, message: Outgoing) {
        self.publisher.publish(message).await.unwrap();
    }

    /// The events of the next message in the fan-out queue.
    pub(crate) async fn message(&self) -> Vec<Event> {
        events(&next(&self.accepted).await)
    }

    /// The next so many events in the bulk queue; more may come with the last.
    pub(crate) async fn bulk_events(&self, count: usize) -> Vec<Event> {
        let mut bulk = Vec::new();
        while bulk.len() < count {
            bulk.extend(events(&next(&self.bulk).await));
        }
        bulk
    }

    /// The next so many events in the fan-out queue, of each message apart. None come beyond them
    /// with the last message.
    pub(crate) async fn messages(&self, count: usize) -> Vec<Vec<Event>> {
        let mut messages: Vec<Vec<Event>> = Vec::new();
        while messages.iter().map(Vec::len).sum::<usize>() < count {
            messages.push(self.message().await);
        }
        assert_eq!(messages.iter().map(Vec::len).sum::<usize>(), count);
        messages
    }

    /// The same, all together.
    pub(crate) async fn events(&self, count: usize) -> Vec<Event> {
        self.messages(count).await.into_iter().flatten().collect()
    }

    /// The next event.
    pub(crate) async fn event(&self) -> Event {
        self.events(1).await.remove(0)
    }

    /// The next message that was rejected.
    pub(crate) async fn rejection(&self) -> Delivered {
        next(&self.rejected).await
    }

    /// A consumer of what is left in the inbox, for when ingest has stopped.
    pub(crate) fn inbox(&self) -> Mutex<Consumer> {
        consume(&self.broker, queue::inbox())
    }

    pub(crate) fn broker_admin(&self) -> &BrokerAdmin {
        self.stack.broker_admin()
    }

    /// Waits until the inbox is empty and nothing of it is held.
    pub(crate) async fn inbox_is_done(&self) {
        eventually(PATIENCE, "the inbox is worked off", async || {
            let admin = self.broker_admin();
            let depth = admin.queue(&queue::inbox()).await.unwrap();
            (depth.ready + depth.unacked == 0)
                .then_some(())
                .ok_or(depth)
        })
        .await;
    }
}

fn events(message: &Delivered) -> Vec<Event> {
    let items = wire::batch::split(message.body.clone()).unwrap();
    let events = items.into_iter().map(wire::accepted::decode);
    events.collect::<Result<_, _>>().unwrap()
}

/// An event of the rig's tenant, with this payload.
pub(crate) fn event(data: &str) -> String {
    format!(r#"{{"tenant":"acme","event":"shipment.created","data":{data}}}"#)
}

/// The same, with another member.
pub(crate) fn event_with(member: &str) -> String {
    format!(r#"{{"tenant":"acme","event":"shipment.created","data":1,{member}}}"#)
}

fn consume(broker: &Broker, queue: String) -> Mutex<Consumer> {
    let options = ConsumerOptions {
        name: queue.clone(),
        queue,
        prefetch: 1_000,
    };
    Mutex::new(broker.consumer(options, CancellationToken::new()))
}

/// The next message, acknowledged.
pub(crate) async fn next(consumer: &Mutex<Consumer>) -> Delivered {
    let mut consumer = consumer.lock().await;
    let received = tokio::time::timeout(PATIENCE, consumer.next()).await;
    let received = received.expect("a message in time").expect("not stopped");
    let (message, acker) = received.into_parts();
    acker.ack().await;
    message
}

async fn tenant(store: &Store, external_id: &str) -> TenantId {
    let new = NewTenant {
        external_id: Some(external_id.to_owned()),
        name: external_id.to_owned(),
    };
    store.create_tenant(&new).await.unwrap().id
}

async fn new_key(store: &Store, reach: Reach, scope: Scope) -> (ApiKey, String) {
    let new = NewApiKey {
        name: "test".to_owned(),
        reach,
        scopes: vec![scope],
    };
    let (key, text) = store.create_api_key(&new).await.unwrap();
    (key, text.expose().to_owned())
}

fn connect(url: &str) -> Store {
    let keyring = Keyring::generate("test").unwrap();
    let keyring: Keyring = secrecy::ExposeSecret::expose_secret(&keyring)
        .parse()
        .unwrap();
    Store::connect(store::Config::new(url.to_owned().into(), keyring)).unwrap()
}
