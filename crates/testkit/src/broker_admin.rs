//! RabbitMQ's management API, for one virtual host.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use url::Url;

use crate::eventually::eventually;
use crate::fetch::{Fetched, fetch};

/// How long connections may take to be closed.
const CLOSING: Duration = Duration::from_secs(10);

/// What a queue holds. For quorum queues the broker counts every now and then: four times a second
/// on the tests' own servers, every five seconds elsewhere. So look with
/// [`eventually`](crate::eventually), and for a number that must *stay* the same declare the queue
/// passively over AMQP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The queue.
    pub queue: String,
    /// Messages that wait for a consumer.
    pub ready: u64,
    /// Messages that consumers hold without having acknowledged them.
    pub unacked: u64,
}

/// A message taken from a queue.
#[derive(Debug, Clone)]
pub struct Message {
    /// The body.
    pub body: Bytes,
    /// The exchange it was published to last.
    pub exchange: String,
    /// Its routing key.
    pub routing_key: String,
    /// Its properties as the management API names them; `headers` among them.
    pub properties: Value,
}

/// The administrator of one virtual host. Every call panics when the broker can't be reached or
/// refuses it.
#[derive(Debug, Clone)]
pub struct BrokerAdmin {
    /// Without user and password.
    base: Url,
    authorization: String,
    vhost: String,
}

impl BrokerAdmin {
    pub(crate) fn new(management_url: &str, vhost: &str) -> Self {
        let mut base = Url::parse(management_url).expect("the sandbox's URLs are URLs");
        let credentials = format!(
            "{}:{}",
            base.username(),
            base.password().unwrap_or_default()
        );
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(credentials));
        base.set_username("")
            .and_then(|()| base.set_password(None))
            .expect("an http URL has a host");
        Self {
            base,
            authorization,
            vhost: vhost.to_owned(),
        }
    }

    /// All queues, sorted by name.
    pub async fn queues(&self) -> Vec<Depth> {
        let listed = self.list(&["queues", &self.vhost]).await;
        let mut depths: Vec<Depth> = listed.as_array().into_iter().flatten().map(depth).collect();
        depths.sort_by(|one, other| one.queue.cmp(&other.queue));
        depths
    }

    pub(crate) async fn quorum_queues(&self) -> Vec<String> {
        let listed = self.list(&["queues", &self.vhost]).await;
        let quorum = listed
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| one["type"] == "quorum");
        quorum
            .filter_map(|one| one["name"].as_str().map(str::to_owned))
            .collect()
    }

    /// One queue, or `None` when there is none of that name.
    pub async fn queue(&self, queue: &str) -> Option<Depth> {
        self.queues()
            .await
            .into_iter()
            .find(|depth| depth.queue == queue)
    }

    /// Declares a durable queue with these arguments.
    pub async fn declare_queue(&self, queue: &str, arguments: Value) {
        let body = json!({"durable": true, "arguments": arguments});
        self.expect(Method::PUT, &["queues", &self.vhost, queue], Some(body))
            .await;
    }

    /// Declares a durable exchange without arguments.
    pub async fn declare_exchange(&self, exchange: &str, kind: &str) {
        let body = json!({"type": kind, "durable": true});
        let path = ["exchanges", &self.vhost, exchange];
        self.expect(Method::PUT, &path, Some(body)).await;
    }

    /// Deletes an exchange with its bindings.
    pub async fn delete_exchange(&self, exchange: &str) {
        let path = ["exchanges", &self.vhost, exchange];
        self.expect(Method::DELETE, &path, None).await;
    }

    /// Takes away the binding of a queue to an exchange by this routing key.
    pub async fn unbind(&self, exchange: &str, queue: &str, key: &str) {
        let path = ["bindings", &self.vhost, "e", exchange, "q", queue, key];
        self.expect(Method::DELETE, &path, None).await;
    }

    /// Binds a queue to an exchange by this routing key.
    pub async fn bind(&self, exchange: &str, queue: &str, key: &str) {
        let body = json!({"routing_key": key});
        let path = ["bindings", &self.vhost, "e", exchange, "q", queue];
        self.expect(Method::POST, &path, Some(body)).await;
    }

    /// How many connections the stack's user has now.
    pub async fn connections(&self) -> usize {
        let path = ["connections", "username", &self.vhost];
        let listed = self.call(Method::GET, &path, None).await;
        expected(listed).json().as_array().map_or(0, Vec::len)
    }

    /// The alarms that the broker's node reports, by the names of the management API:
    /// `mem_alarm`, `disk_free_alarm`.
    pub async fn alarms(&self) -> Vec<&'static str> {
        let nodes = expected(self.call(Method::GET, &["nodes"], None).await).json();
        ["mem_alarm", "disk_free_alarm"]
            .into_iter()
            .filter(|alarm| {
                nodes
                    .as_array()
                    .is_some_and(|nodes| nodes.iter().any(|node| node[*alarm] == true))
            })
            .collect()
    }

    /// The broker's version.
    pub async fn version(&self) -> String {
        let overview = expected(self.call(Method::GET, &["overview"], None).await).json();
        let version = overview["rabbitmq_version"].as_str();
        version.unwrap_or_default().to_owned()
    }

    /// Sets a policy for the queues whose names match.
    pub async fn set_policy(&self, name: &str, pattern: &str, definition: Value) {
        let body = json!({"pattern": pattern, "definition": definition, "apply-to": "queues"});
        let path = ["policies", &self.vhost, name];
        self.expect(Method::PUT, &path, Some(body)).await;
    }

    /// Lets the virtual host's user write only to what matches.
    pub async fn restrict_writes(&self, pattern: &str) {
        let body = json!({"configure": ".*", "write": pattern, "read": ".*"});
        let path = ["permissions", &self.vhost, &self.vhost];
        self.expect(Method::PUT, &path, Some(body)).await;
    }

    /// Deletes a queue with all it holds.
    pub async fn delete_queue(&self, queue: &str) {
        self.expect(Method::DELETE, &["queues", &self.vhost, queue], None)
            .await;
    }

    /// Publishes a persistent message; `properties` as the management API names them (`headers`,
    /// `type`, `message_id`, …). The exchange `""` is the default one.
    ///
    /// # Panics
    /// Also when no queue takes the message.
    pub async fn publish(&self, exchange: &str, routing_key: &str, body: &[u8], properties: Value) {
        let mut all = json!({"delivery_mode": 2});
        if let (Value::Object(all), Value::Object(given)) = (&mut all, properties) {
            all.extend(given);
        }
        let message = json!({
            "properties": all,
            "routing_key": routing_key,
            "payload": BASE64_STANDARD.encode(body),
            "payload_encoding": "base64",
        });
        let exchange = if exchange.is_empty() {
            "amq.default"
        } else {
            exchange
        };
        let path = ["exchanges", &self.vhost, exchange, "publish"];
        let answer = self.expect(Method::POST, &path, Some(message)).await.json();
        assert_eq!(
            answer["routed"], true,
            "no queue takes {routing_key} from {exchange}"
        );
    }

    /// Puts a message into a queue with headers of which the text of a JSON object is given: deeper
    /// or larger than a JSON library would hold.
    ///
    /// # Panics
    /// Also when there is no such queue.
    pub async fn publish_with_headers(&self, queue: &str, body: &str, headers: &str) {
        let message = format!(
            r#"{{"routing_key": {}, "payload": {}, "payload_encoding": "string",
                "properties": {{"delivery_mode": 2, "content_type": "application/json",
                                "headers": {headers}}}}}"#,
            json!(queue),
            json!(body),
        );
        let url = self.url(&["exchanges", &self.vhost, "amq.default", "publish"]);
        let sent = self.send_text(Method::POST, &url, message.into()).await;
        let answer = expected(self.reached(sent)).json();
        assert_eq!(answer["routed"], true, "there is no queue {queue}");
    }

    /// Takes up to `count` messages from a queue; they are gone from it.
    pub async fn take(&self, queue: &str, count: usize) -> Vec<Message> {
        let request = json!({"count": count, "ackmode": "ack_requeue_false", "encoding": "base64"});
        let path = ["queues", &self.vhost, queue, "get"];
        let answer = self.expect(Method::POST, &path, Some(request)).await.json();
        answer
            .as_array()
            .into_iter()
            .flatten()
            .map(message)
            .collect()
    }

    /// Closes every connection of the stack's user from the broker's side.
    ///
    /// The broker answers 500 when one of them ends by itself meanwhile, and leaves the others:
    /// they are closed by the next call.
    pub async fn close_connections(&self) {
        let path = ["connections", "username", &self.vhost];
        eventually(CLOSING, "the connections to be closed", async || {
            let answer = self.call(Method::DELETE, &path, None).await;
            if answer.status == StatusCode::INTERNAL_SERVER_ERROR {
                return Err(answer.status);
            }
            expected(answer);
            Ok(())
        })
        .await;
    }

    /// Makes the virtual host and a user of the same name, whose connections are then known by
    /// that name: the list of connections by virtual host is seconds old.
    pub(crate) async fn create_vhost(&self, password: &str) {
        let vhost = self.vhost.as_str();
        let user = json!({"password": password, "tags": ""});
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.expect(Method::PUT, &["vhosts", vhost], None).await;
        self.expect(Method::PUT, &["users", vhost], Some(user))
            .await;
        self.expect(Method::PUT, &["permissions", vhost, vhost], Some(all))
            .await;
    }

    /// Deletes the virtual host, whoever is connected, and its user. Never panics.
    pub(crate) async fn delete_vhost(&self) {
        for kind in ["vhosts", "users"] {
            let url = self.url(&[kind, &self.vhost]);
            if let Err(error) = self.send(Method::DELETE, &url, None).await {
                tracing::debug!(%error, vhost = self.vhost, "a virtual host was left behind");
            }
        }
    }

    /// A list without the statistics of the management plugin, which are seconds old: the counts
    /// come from the broker itself then.
    async fn list(&self, path: &[&str]) -> Value {
        let mut url = self.url(path);
        url.set_query(Some("disable_stats=true&enable_queue_totals=true"));
        expected(self.reached(self.send(Method::GET, &url, None).await)).json()
    }

    async fn expect(&self, method: Method, path: &[&str], body: Option<Value>) -> Fetched {
        expected(self.call(method, path, body).await)
    }

    async fn call(&self, method: Method, path: &[&str], body: Option<Value>) -> Fetched {
        self.reached(self.send(method, &self.url(path), body).await)
    }

    fn reached(&self, answer: Result<Fetched, std::io::Error>) -> Fetched {
        answer.unwrap_or_else(|error| panic!("the management API at {}: {error}", self.base))
    }

    /// Each segment is percent-encoded as a whole, its slashes too.
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http URL has a path")
            .clear()
            .push("api")
            .extend(path);
        url
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        body: Option<Value>,
    ) -> Result<Fetched, std::io::Error> {
        let body = body.map_or_else(Bytes::new, |value| value.to_string().into());
        self.send_text(method, url, body).await
    }

    async fn send_text(
        &self,
        method: Method,
        url: &Url,
        body: Bytes,
    ) -> Result<Fetched, std::io::Error> {
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(std::io::Error::other)?;
        fetch(request).await
    }
}

fn expected(answer: Fetched) -> Fetched {
    assert!(
        answer.status.is_success(),
        "the management API answered {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    answer
}

fn depth(queue: &Value) -> Depth {
    let number = |name: &str| queue[name].as_u64().unwrap_or(0);
    Depth {
        queue: queue["name"].as_str().unwrap_or_default().to_owned(),
        ready: number("messages_ready"),
        unacked: number("messages_unacknowledged"),
    }
}

fn message(got: &Value) -> Message {
    let text = |name: &str| got[name].as_str().unwrap_or_default().to_owned();
    Message {
        body: BASE64_STANDARD
            .decode(text("payload"))
            .expect("we asked for base64")
            .into(),
        exchange: text("exchange"),
        routing_key: text("routing_key"),
        properties: got["properties"].clone(),
    }
}
