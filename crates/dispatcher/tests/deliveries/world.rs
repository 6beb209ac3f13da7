//! A running dispatcher, and what goes into it and comes out of it.

use std::sync::Arc;
use std::time::Duration;

use broker::message::header;
use broker::topology::{Route, Topology, queue};
use broker::{Broker, ConsumerOptions, Delivered, Headers, Outgoing, Publisher};
use bytes::Bytes;
use clap::Parser;
use dispatcher::{Config, Parts};
use domain::attempt::{AttemptNumber, Trigger};
use domain::breaker::{BreakerNotice, BreakerState};
use domain::delivery::{Delivery, Due};
use domain::dispatch::{Content, Custody, Dispatch, Payload};
use domain::endpoint::BodyFormat;
use domain::event::{Event, Identity};
use domain::id::{DeliveryId, EndpointId, EventId, IngestId, TenantId};
use domain::loss::Watermark;
use domain::outcome::Observed;
use domain::report::{AttemptReport, Extent, Report, Standing};
use domain::retry::RetryPolicy;
use domain::shard::{Shard, Shards};
use domain::tier::Wait;
use domain::trace::TraceContext;
use secrecy::SecretString;
use service::{Drained, Health, Lifecycle, Readiness};
use store::endpoints::Settings;
use store::events::NewEvent;
use store::{EndpointDirectory, Keyring, Live, Store};
use testkit::{Proxy, Stack, eventually};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use wire::dispatch::Target;
use wire::{CONTENT_TYPE, MessageType, batch};

/// How long anything may take that takes no time.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) store: Store,
    pub(crate) endpoints: Live<EndpointDirectory>,
    pub(crate) tenant: TenantId,
    pub(crate) secret: signature::Secret,
    pub(crate) health: Health,
    postgres: Proxy,
    rabbitmq: Proxy,
    broker: Broker,
    life: Lifecycle,
    publisher: Publisher,
    reports: Mutex<broker::Consumer>,
    dead: Mutex<broker::Consumer>,
    gathered: Mutex<Gathered>,
}

/// What came out of the results.
#[derive(Default)]
struct Gathered {
    reports: Vec<Report>,
    breakers: Vec<BreakerNotice>,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    config: Config,
}

/// The configuration of these tests: receivers are on loopback and speak http.
pub(crate) fn config(further: &[&str]) -> Config {
    let ours = ["dispatcher", "--allow-network=127.0.0.0/8", "--allow-http"];
    Flags::parse_from(ours.iter().chain(further)).config
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(config(&[])).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let stack = Stack::new().await;
        let postgres = Proxy::before(&stack.postgres_url()).await;
        let url = SecretString::from(postgres.url(&stack.postgres_url()));
        store::migrate(&url).await.unwrap();
        let key = Keyring::generate("test").unwrap();
        let keyring = secrecy::ExposeSecret::expose_secret(&key).parse().unwrap();
        let store = Store::connect(store::Config::new(url, keyring)).unwrap();
        let new = store::tenants::NewTenant {
            external_id: None,
            name: "a tenant".to_owned(),
        };
        let tenant = store.create_tenant(&new).await.unwrap().id;

        let rabbitmq = Proxy::before(&stack.amqp_url()).await;
        let proxied = connect(rabbitmq.url(&stack.amqp_url()));
        let broker = connect(stack.amqp_url());
        broker.declare(&Topology::new(Shards::ONE)).await.unwrap();
        let life = Lifecycle::new();
        let endpoints = Live::new(&store);
        life.spawn(endpoints.clone().run(life.stop().clone()));
        let consumer = |queue: String| {
            let options = ConsumerOptions {
                queue,
                prefetch: 1_000,
                name: "test".to_owned(),
            };
            Mutex::new(broker.consumer(options, CancellationToken::new()))
        };
        let health = Health::new();
        let world = Self {
            tenant,
            secret: signature::Secret::from_bytes(vec![7; 32]).unwrap(),
            publisher: broker.publisher("test"),
            reports: consumer(queue::results()),
            dead: consumer(queue::dead()),
            gathered: Mutex::default(),
            broker: proxied,
            stack,
            store,
            endpoints,
            health,
            postgres,
            rabbitmq,
            life,
        };
        world.join(config).await;
        world
    }

    /// Starts a further dispatcher.
    pub(crate) async fn join(&self, config: Config) {
        let parts = Parts {
            broker: self.broker.clone(),
            store: self.store.clone(),
            endpoints: self.endpoints.clone(),
            shards: Shards::ONE,
        };
        let role = dispatcher::run(config, parts, self.life.clone(), self.health.clone());
        self.life.spawn(async move { role.await.unwrap() });
        self.ready().await;
    }

    pub(crate) async fn ready(&self) {
        eventually(SOON, "the dispatcher is ready", async || {
            (self.health.readiness() == Readiness::Ready)
                .then_some(())
                .ok_or_else(|| self.health.parts())
        })
        .await;
    }

    /// Stops the dispatcher, which must end in order.
    pub(crate) async fn stop(self) {
        self.stop_dispatcher().await;
    }

    /// Stops the dispatcher, which must end in order. What it left can still be looked at.
    pub(crate) async fn stop_dispatcher(&self) {
        assert_eq!(self.life.drain(SOON).await, Drained::Clean);
    }

    /// An endpoint with these waits between its attempts.
    pub(crate) async fn endpoint(&self, url: &str, waits_s: &[u64]) -> EndpointId {
        self.endpoint_with(url, waits_s, |_| {}).await
    }

    pub(crate) async fn endpoint_with(
        &self,
        url: &str,
        waits_s: &[u64],
        change: impl FnOnce(&mut Settings),
    ) -> EndpointId {
        let id = self.new_endpoint(url, waits_s, change).await;
        self.endpoints.refresh().await.unwrap();
        id
    }

    /// The same; the dispatcher sees it when it is told next.
    pub(crate) async fn new_endpoint(
        &self,
        url: &str,
        waits_s: &[u64],
        change: impl FnOnce(&mut Settings),
    ) -> EndpointId {
        let waits = waits_s.iter().copied().map(Duration::from_secs).collect();
        let mut settings = Settings {
            url: url.parse().unwrap(),
            description: String::new(),
            event_types: vec!["*".parse().unwrap()],
            channels: Vec::new(),
            format: BodyFormat::Guide,
            headers: Vec::new(),
            timeout: Duration::from_secs(15),
            retry: Some(RetryPolicy::from_waits(waits).unwrap()),
            filter: None,
            rate_limit: None,
        };
        change(&mut settings);
        let made = self
            .store
            .create_endpoint(self.tenant, &settings, &self.secret);
        made.await.unwrap().id
    }

    /// A first attempt of a new event.
    pub(crate) fn dispatch(&self, endpoint: EndpointId) -> Dispatch {
        let now = OffsetDateTime::now_utc();
        let content = Content {
            event: EventId::from_uuid(Uuid::now_v7()),
            tenant: self.tenant,
            event_type: "shipment.created".parse().unwrap(),
            timestamp: now,
            accepted_at: now,
            payload: Payload::Inline(Bytes::from_static(br#"{"n": 9007199254740993, "x": 1.10}"#)),
            trace: TraceContext::default(),
        };
        Dispatch {
            content: Arc::new(content),
            due: Due {
                delivery: Delivery {
                    id: DeliveryId::from_uuid(Uuid::new_v4()),
                    endpoint,
                    trigger: Trigger::Automatic,
                    replay_of: None,
                },
                attempt: AttemptNumber::FIRST,
            },
            wait: Wait::NONE,
            custody: Custody::Sole,
            overflows: 0,
            attempt_before: None,
        }
    }

    /// Publishes deliveries as one message on the fresh lane.
    pub(crate) async fn publish(&self, dispatches: &[Dispatch]) {
        let items = dispatches.iter().map(encode).collect();
        self.publish_items(Route::dispatch_now(shard()), items)
            .await;
    }

    /// Publishes encoded items as one message.
    pub(crate) async fn publish_items(&self, route: Route, items: Vec<Bytes>) {
        self.publish_with(route, items, Headers::new()).await;
    }

    /// Publishes encoded items as one message with these headers.
    pub(crate) async fn publish_with(&self, route: Route, items: Vec<Bytes>, headers: Headers) {
        let kind = MessageType::Dispatch.as_str();
        let message = Outgoing::new(route, batch::join(items), kind, CONTENT_TYPE);
        let published = self.publisher.publish(message.with_headers(headers));
        published.await.unwrap();
    }

    /// Waits until this many reports about a delivery have come, and returns them in their order.
    pub(crate) async fn reports(&self, of: &Dispatch, count: usize) -> Vec<Report> {
        self.reports_within(of, count, SOON).await
    }

    pub(crate) async fn reports_within(
        &self,
        of: &Dispatch,
        count: usize,
        limit: Duration,
    ) -> Vec<Report> {
        let found = self.gather(limit, |gathered| {
            let wanted = |report: &&Report| report.delivery.id == of.due.delivery.id;
            let found: Vec<Report> = gathered.reports.iter().filter(wanted).cloned().collect();
            (found.len() >= count).then_some(found)
        });
        let found = found.await;
        found.unwrap_or_else(|| panic!("not {count} reports of the delivery within {limit:?}"))
    }

    /// Waits until what was told of breakers is as wanted. Changes that follow one another at once
    /// may be told as one.
    pub(crate) async fn breakers(&self, what: &str, is_wanted: impl Fn(&[BreakerState]) -> bool) {
        let states = |gathered: &Gathered| -> Vec<_> {
            let told = gathered.breakers.iter();
            told.map(|one| one.standing.state).collect()
        };
        let found = self.gather(SOON, |gathered| is_wanted(&states(gathered)).then_some(()));
        if found.await.is_none() {
            panic!("not {what}: {:?}", states(&*self.gathered.lock().await));
        }
    }

    /// Takes results until what is wanted is among them.
    async fn gather<T>(&self, limit: Duration, find: impl Fn(&Gathered) -> Option<T>) -> Option<T> {
        let mut consumer = self.reports.lock().await;
        let mut gathered = self.gathered.lock().await;
        let gather = async {
            loop {
                if let Some(found) = find(&gathered) {
                    return found;
                }
                let message = consumer.next().await.expect("the test isn't over");
                let kind = message.properties.kind.as_deref();
                let kind = kind.and_then(MessageType::from_name);
                for item in batch::split(message.body.clone()).unwrap() {
                    if kind == Some(MessageType::Breakers) {
                        gathered.breakers.push(wire::breaker::decode(item).unwrap());
                    } else if kind == Some(MessageType::Report) {
                        gathered.reports.push(wire::report::decode(item).unwrap());
                    }
                }
                message.ack().await;
            }
        };
        tokio::time::timeout(limit, gather).await.ok()
    }

    /// The next that is told of how far a queue has been taken, and is as wanted.
    pub(crate) async fn watermark(
        &self,
        queue: &str,
        is_wanted: impl Fn(&Watermark) -> bool,
    ) -> Watermark {
        let mut consumer = self.reports.lock().await;
        let told = async {
            loop {
                let message = consumer.next().await.expect("the test isn't over");
                let kind = message.properties.kind.clone();
                let body = message.body.clone();
                message.ack().await;
                if kind.as_deref() != Some(MessageType::Watermark.as_str()) {
                    continue;
                }
                let items = batch::split(body).unwrap().into_iter();
                let mut told = items.map(|item| wire::watermark::decode(item).unwrap());
                if let Some(told) = told.find(|told| told.queue == queue && is_wanted(told)) {
                    return told;
                }
            }
        };
        let told = tokio::time::timeout(SOON, told).await;
        told.unwrap_or_else(|_| panic!("{queue} is not told of as wanted within {SOON:?}"))
    }

    /// The next dead letter.
    pub(crate) async fn dead_letter(&self) -> Letter {
        let mut consumer = self.dead.lock().await;
        let next = tokio::time::timeout(SOON, consumer.next()).await;
        let received = next
            .expect("a dead letter comes")
            .expect("the test isn't over");
        let (message, acker) = received.into_parts();
        acker.ack().await;
        Letter(message)
    }

    /// Waits until the queue holds nothing, unacknowledged messages included.
    pub(crate) async fn drained(&self, queue: &str) {
        self.drained_within(queue, SOON).await;
    }

    pub(crate) async fn drained_within(&self, queue: &str, limit: Duration) {
        let admin = self.stack.broker_admin();
        eventually(
            limit,
            "the queue is empty and all is acknowledged",
            async || {
                let depth = admin.queue(queue).await.expect("it is declared");
                (depth.ready + depth.unacked == 0)
                    .then_some(())
                    .ok_or(depth)
            },
        )
        .await;
    }

    /// Breaks the dispatcher's connections to the broker, which it makes again.
    pub(crate) async fn break_connections(&self) {
        assert!(self.rabbitmq.cut().await > 0, "the fault happened");
    }

    /// Postgres is gone, for everybody.
    pub(crate) async fn cut_postgres(&self) {
        self.postgres.refuse().await;
        self.postgres.cut().await;
        assert!(self.store.ready().await.is_err(), "the fault happened");
    }

    /// Postgres keeps its connections open and says nothing.
    pub(crate) fn stall_postgres(&self) {
        self.postgres.stall();
    }

    /// Writes the delivery's event as fan-out does, with this payload.
    pub(crate) async fn record_event(&self, of: &Dispatch, data: Bytes) {
        let content = (*of.content).clone();
        let event = Event {
            id: content.event,
            ingest_id: IngestId::from_uuid(Uuid::new_v4()),
            tenant: content.tenant,
            event_type: content.event_type,
            data,
            timestamp: content.timestamp,
            accepted_at: content.accepted_at,
            channels: Vec::new(),
            identity: Identity::Minted,
            violations: Vec::new(),
            trace: content.trace,
        };
        let endpoints = vec![of.due.delivery.endpoint];
        let new = NewEvent { event, endpoints };
        self.store.record(&[new]).await.unwrap();
    }

    /// Lets the record know that all that was reported until then is recorded.
    pub(crate) async fn tell(&self, told_at: OffsetDateTime) {
        let watermark = Watermark {
            queue: "a lane".to_owned(),
            passed_at: told_at,
            lag: Duration::ZERO,
            told_at,
        };
        self.store.record_watermarks(&[watermark]).await.unwrap();
    }

    /// Lets the record know that the delivery's attempt succeeded.
    pub(crate) async fn record_attempt(&self, of: &Dispatch) {
        let Content {
            event,
            tenant,
            event_type,
            accepted_at,
            ..
        } = (*of.content).clone();
        let attempt = of.due.attempt;
        let report = Report {
            delivery: of.due.delivery,
            event,
            event_type,
            tenant,
            accepted_at,
            standing: Standing::Delivered { attempt },
            attempt: Some(AttemptReport {
                number: attempt,
                started_at: accepted_at,
                duration: Duration::from_millis(5),
                observed: Observed::Answered {
                    status: 200,
                    retry_after: None,
                },
                answer: Bytes::new(),
                extent: Extent::Whole,
            }),
            at: accepted_at,
            trace: TraceContext::default(),
        };
        self.store.record_reports(&[report]).await.unwrap();
    }
}

fn connect(amqp_url: String) -> Broker {
    let url = SecretString::from(amqp_url);
    Broker::new(&broker::Config::new(url, "test")).unwrap()
}

/// A dead letter.
pub(crate) struct Letter(Delivered);

impl Letter {
    pub(crate) fn reason(&self) -> &str {
        self.0.properties.headers.text(header::REASON).unwrap()
    }

    pub(crate) fn origin(&self) -> &str {
        self.0.properties.headers.text(header::ORIGIN).unwrap()
    }

    pub(crate) fn items(&self) -> Vec<Bytes> {
        batch::split(self.0.body.clone()).unwrap()
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        let [item] = self.items().try_into().expect("an item alone");
        wire::dispatch::decode(item).unwrap().remove(0)
    }
}

pub(crate) fn shard() -> Shard {
    Shards::ONE.all().next().unwrap()
}

pub(crate) fn encode(dispatch: &Dispatch) -> Bytes {
    let target = Target {
        due: dispatch.due,
        wait: dispatch.wait,
        custody: dispatch.custody,
        overflows: dispatch.overflows,
        attempt_before: dispatch.attempt_before,
    };
    wire::dispatch::encode(&dispatch.content, &[target])
}
