//! The console in this process, on a database and a virtual host of its own, with two tenants.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::{Method, Request, request};
use broker::topology::Topology;
use broker::{Broker, ConsumerOptions, Delivered};
use bytes::Bytes;
use console::{Config, OidcConfig, Parts, Provider};
use domain::address::AddressPolicy;
use domain::dispatch::Dispatch;
use domain::id::TenantId;
use domain::shard::{Shard, Shards};
use http_body_util::Full;
use serde_json::{Value, json};
use service::{Drained, Health, Lifecycle};
use store::api_keys::{NewApiKey, Reach, Scope};
use store::tenants::NewTenant;
use store::{Keyring, Live, Store};
use testkit::{Fetched, Followed, Proxy, Stack, fetch};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A scope of each kind.
const EVERYTHING: [Scope; 3] = [Scope::Publish, Scope::Read, Scope::Manage];

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) store: Store,
    /// Not through the proxy.
    pub(crate) broker: Broker,
    /// A key that may do anything anywhere.
    pub(crate) platform: String,
    /// A key that may look at everything and change nothing.
    pub(crate) reader: String,
    pub(crate) acme: Tenant,
    pub(crate) umbrella: Tenant,
    address: SocketAddr,
    /// Between the console and RabbitMQ.
    amqp: Proxy,
    life: Lifecycle,
    /// What came with what was asked for.
    taken: Mutex<VecDeque<Dispatch>>,
}

/// A tenant and a key that may do anything in it.
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) key: String,
}

impl Tenant {
    /// A path below it.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/tenants/{}/{rest}", self.id)
    }
}

impl World {
    /// The console, ready, on a migrated database and a declared topology.
    pub(crate) async fn start() -> Self {
        Self::start_with(OidcConfig::default()).await
    }

    /// The same, where people sign in by an identity provider.
    pub(crate) async fn start_with(oidc: OidcConfig) -> Self {
        let stack = Stack::new().await;
        let url = stack.postgres_url();
        store::migrate(&url.clone().into()).await.unwrap();
        let store = connect(&url);
        let today = OffsetDateTime::now_utc().date();
        store.ensure_partitions(today, 1).await.unwrap();
        let config = broker::Config::new(stack.amqp_url().into(), "test");
        let broker = Broker::new(&config).unwrap();
        broker.declare(&Topology::new(Shards::ONE)).await.unwrap();
        let amqp = Proxy::before(&stack.amqp_url()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let world = Self {
            platform: key(&store, Reach::Platform, &EVERYTHING).await,
            reader: key(&store, Reach::Platform, &[Scope::Read]).await,
            acme: tenant(&store, "acme").await,
            umbrella: tenant(&store, "umbrella").await,
            address: listener.local_addr().unwrap(),
            life: Lifecycle::new(),
            amqp,
            stack,
            store,
            broker,
            taken: Mutex::default(),
        };
        world.serve(listener, oidc).await;
        world
    }

    /// Where browsers find the console, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn serve(&self, listener: TcpListener, oidc: OidcConfig) {
        let access = Live::new(&self.store);
        self.life
            .spawn(access.clone().run(self.life.stop().clone()));
        let url = self.amqp.url(&self.stack.amqp_url());
        let parts = Parts {
            broker: Broker::new(&broker::Config::new(url.into(), "console")).unwrap(),
            store: self.store.clone(),
            access,
            shards: Shards::ONE,
            listener,
            addresses: AddressPolicy::default(),
            provider: Provider::new(&oidc).unwrap(),
        };
        let config = Config {
            egress_ips: vec!["192.0.2.7/32".parse().unwrap()],
            release_rate: NonZeroU16::new(100).unwrap(),
            public_url: None,
            frame_ancestors: vec!["https://app.example.com".to_owned()],
            trace_url: Some("https://traces.example.com/{trace}?a=b".to_owned()),
            oidc,
        };
        let health = Health::new();
        let role = console::run(config, parts, self.life.clone(), health.clone());
        self.life.spawn(role);
        testkit::eventually(PATIENCE, "the console is ready", async || {
            !health.parts().is_empty() && health.readiness() == service::Readiness::Ready
        })
        .await;
    }

    /// Stops the console, which must end by itself.
    pub(crate) async fn stop(self) {
        assert_eq!(self.life.drain(PATIENCE).await, Drained::Clean);
    }

    /// Takes RabbitMQ away from the console.
    pub(crate) async fn lose_broker(&self) {
        self.amqp.refuse().await;
        self.amqp.cut().await;
    }

    /// Gives it back.
    pub(crate) async fn find_broker(&self) {
        self.amqp.accept().await;
    }

    /// A request to be completed, with this key.
    pub(crate) fn request(&self, key: &str, method: Method, path: &str) -> request::Builder {
        self.anonymous(method, path)
            .header("authorization", format!("Bearer {key}"))
    }

    /// A request to be completed, without a key.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> request::Builder {
        let uri = format!("{}{path}", self.url());
        Request::builder().method(method).uri(uri)
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Fetched {
        send(self.request(key, Method::GET, path), "").await
    }

    /// The same, of what may go on: its head is there, and its body comes.
    pub(crate) async fn follow(&self, key: &str, path: &str) -> Followed {
        follow(self.request(key, Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, key: &str, path: &str) -> Fetched {
        send(self.request(key, Method::DELETE, path), "").await
    }

    pub(crate) async fn post(&self, key: &str, path: &str, body: Value) -> Fetched {
        send_json(self.request(key, Method::POST, path), &body).await
    }

    pub(crate) async fn patch(&self, path: &str, tag: &str, body: Value) -> Fetched {
        let request = self.request(&self.platform, Method::PATCH, path);
        send_json(request.header("if-match", tag), &body).await
    }

    /// Registers an endpoint; gives the whole answer's body.
    pub(crate) async fn endpoint(&self, tenant: &Tenant) -> Value {
        let body = json!({"url": "https://example.com/webhooks"});
        let made = self
            .post(&tenant.key, &tenant.path("endpoints"), body)
            .await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json()
    }

    /// The next delivery on the lane of first attempts.
    pub(crate) async fn next_on_fresh_lane(&self) -> Dispatch {
        let queue = broker::topology::queue::dispatch_fresh(shard());
        self.next_delivery_of(queue).await
    }

    /// The next delivery on the retry lane.
    pub(crate) async fn next_on_retry_lane(&self) -> Dispatch {
        let queue = broker::topology::queue::dispatch_retry(shard());
        self.next_delivery_of(queue).await
    }

    async fn next_delivery_of(&self, queue: String) -> Dispatch {
        loop {
            let taken = self.taken.lock().unwrap().pop_front();
            if let Some(dispatch) = taken {
                return dispatch;
            }
            let body = self.next_of(queue.clone()).await.body;
            let items = wire::batch::split(body).unwrap().into_iter();
            let dispatches = items.flat_map(|item| wire::dispatch::decode(item).unwrap());
            self.taken.lock().unwrap().extend(dispatches);
        }
    }

    /// The next message of a queue.
    pub(crate) async fn next_of(&self, queue: String) -> Delivered {
        let options = ConsumerOptions {
            queue,
            prefetch: 1,
            name: "test".to_owned(),
        };
        let mut consumer = self.broker.consumer(options, CancellationToken::new());
        let received = tokio::time::timeout(PATIENCE, consumer.next()).await;
        let received = received.expect("a message in time").expect("not stopped");
        let (delivered, acker) = received.into_parts();
        acker.ack().await;
        delivered
    }
}

/// Completes a request and sends it.
pub(crate) async fn send(request: request::Builder, body: impl Into<Bytes>) -> Fetched {
    fetch(request.body(Full::new(body.into())).unwrap())
        .await
        .unwrap()
}

/// Completes a request and follows its answer.
pub(crate) async fn follow(request: request::Builder) -> Followed {
    let request = request.body(Full::default()).unwrap();
    Followed::open(request).await.unwrap()
}

/// Completes a request with a JSON body and sends it.
pub(crate) async fn send_json(request: request::Builder, body: &Value) -> Fetched {
    let request = request.header("content-type", "application/json");
    send(request, body.to_string()).await
}

/// Asserts that the answer is a problem of this status; gives it.
#[track_caller]
pub(crate) fn problem(answer: &Fetched, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    problem
}

/// A member that is text.
#[track_caller]
pub(crate) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member]
        .as_str()
        .unwrap_or_else(|| panic!("no text {member} in {value}"))
}

fn shard() -> Shard {
    Shards::ONE.all().next().unwrap()
}

async fn tenant(store: &Store, name: &str) -> Tenant {
    let new = NewTenant {
        name: name.to_owned(),
        external_id: Some(name.to_owned()),
    };
    let id = store.create_tenant(&new).await.unwrap().id;
    let key = key(store, Reach::Tenant(id), &EVERYTHING).await;
    Tenant { id, key }
}

async fn key(store: &Store, reach: Reach, scopes: &[Scope]) -> String {
    let new = NewApiKey {
        name: "test".to_owned(),
        reach,
        scopes: scopes.to_vec(),
    };
    let (_, text) = store.create_api_key(&new).await.unwrap();
    text.expose().to_owned()
}

fn connect(url: &str) -> Store {
    let keyring = Keyring::generate("test").unwrap();
    let keyring: Keyring = secrecy::ExposeSecret::expose_secret(&keyring)
        .parse()
        .unwrap();
    Store::connect(store::Config::new(url.to_owned().into(), keyring)).unwrap()
}
