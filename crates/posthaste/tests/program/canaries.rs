//! Secrets are planted and looked for in everything that the system writes.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Collector, Stack, eventually};

use crate::support::{Caller, PROGRAM};

const SOON: Duration = Duration::from_secs(60);

/// Every one looks like nothing else.
const PAYLOAD: &str = "canary-payload-4fd1a8";
const HEADER: &str = "canary-header-9be307";
const QUERY: &str = "canary-query-71c55d";
const ANSWER: &str = "canary-answer-0a6e92";
const OWN_KEY: &[u8; 32] = b"canary-endpoint-secret-e81f44aa!";

/// What must stand nowhere, each with its name.
struct Planted(Vec<(&'static str, String)>);

impl Planted {
    /// Those that stand in this text.
    fn found_in(&self, text: &str) -> Vec<&'static str> {
        let found = self.0.iter().filter(|(_, secret)| text.contains(secret));
        found.map(|(name, _)| *name).collect()
    }

    fn assert_absent(&self, from: &str, text: &str) {
        let found = self.found_in(text);
        assert!(found.is_empty(), "{from} tells {found:?}");
    }
}

/// Every role, saying all it can say.
async fn talkative(stack: &Stack, collector: &Collector) -> Cluster {
    let mut cluster = Cluster::prepare(Path::new(PROGRAM), stack).await;
    cluster.environment("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint());
    cluster.environment("OTEL_BSP_SCHEDULE_DELAY", "100");
    cluster.environment("POSTHASTE_LOG", "trace");
    for role in Role::ALL {
        cluster.start_role(role).await;
    }
    cluster
}

/// An endpoint with secrets of every kind, whose receiver repeats what it is sent and fails first.
async fn endpoint(cluster: &Cluster, receiver: &Receiver) -> Value {
    let own = format!("whsec_{}", STANDARD.encode(OWN_KEY));
    let url = format!("{}?token={QUERY}", receiver.url());
    let body = json!({
        "url": url, "secret": own, "headers": {"Authorization": HEADER}, "retry_waits_s": [1],
    });
    cluster.make("/v1/tenants/acme/endpoints", &body).await
}

/// Somebody opens a link, and is told a session.
async fn session(caller: &Caller, link: &str) -> String {
    let path = link
        .strip_prefix(&caller.url)
        .expect("the link is the console's");
    let navigation = [
        ("accept", "text/html"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let opened = caller.send(Method::GET, path, &navigation, "").await;
    assert_eq!(opened.status, 303, "{opened:?}");
    let cookie = opened.headers["set-cookie"].to_str().unwrap();
    let (_, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    assert!(value.len() > 20, "{cookie}");
    value.to_owned()
}

/// Whatever can be looked at, as its owner may.
async fn shown(
    caller: &Caller,
    endpoint: &str,
    event: &str,
    delivery: &str,
) -> Vec<(String, String)> {
    let acme = "/v1/tenants/acme";
    let mut told = Vec::new();
    for path in [
        "/v1/tenants".to_owned(),
        "/v1/api-keys".to_owned(),
        "/v1/audit?limit=250".to_owned(),
        "/v1/settings".to_owned(),
        "/v1/failing-endpoints".to_owned(),
        "/v1/ledger".to_owned(),
        "/v1/backlogs".to_owned(),
        "/v1/open-breakers".to_owned(),
        format!("{acme}/endpoints"),
        format!("{acme}/endpoints/{endpoint}"),
        format!("{acme}/deliveries?endpoint={endpoint}"),
        format!("{acme}/endpoints/{endpoint}/stats"),
        format!("{acme}/events"),
        format!("{acme}/events/{event}"),
        format!("{acme}/events/{event}/explain"),
        format!("{acme}/events/{event}/payload"),
        format!("{acme}/deliveries/{delivery}"),
        format!("{acme}/dead-letters?state=all"),
        "/v1/dead-letters?state=all".to_owned(),
    ] {
        let answer = caller.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        told.push((path, String::from_utf8_lossy(&answer.body).into_owned()));
    }
    told
}

async fn dumped(stack: &Stack) -> String {
    let dump = tokio::process::Command::new("pg_dump")
        .arg(stack.postgres_url())
        .output()
        .await;
    let dump = dump.expect("Postgres comes with pg_dump");
    assert!(dump.status.success(), "{dump:?}");
    String::from_utf8_lossy(&dump.stdout).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_secrets_are_found_nowhere() {
    let stack = Stack::new().await;
    let collector = Collector::start().await;
    let cluster = talkative(&stack, &collector).await;
    let console = Caller {
        url: cluster.console_url(),
        key: cluster.key().to_owned(),
    };
    let tenant = json!({"name": "Acme", "external_id": "acme"});
    let tenant = cluster.make("/v1/tenants", &tenant).await;
    let receiver = Receiver::start([Respond::status(500).body(ANSWER), Respond::ok()]).await;
    let made = endpoint(&cluster, &receiver).await;
    let id = made["id"].as_str().unwrap();
    let rotate = format!("/v1/tenants/acme/endpoints/{id}/rotate-secret");
    let rotated = cluster.make(&rotate, &Value::Null).await;
    let new = json!({"name": "reader", "scopes": ["read"], "tenant": tenant["id"]});
    let key = cluster.make("/v1/api-keys", &new).await;
    let link = cluster
        .make("/v1/tenants/acme/portal-links", &json!({}))
        .await;
    let link = link["url"].as_str().unwrap();
    let unused = cluster
        .make("/v1/tenants/acme/portal-links", &json!({}))
        .await;
    let unused = unused["url"].as_str().unwrap();
    let session = session(&console, link).await;

    // What is good, what is wrong, and what nobody may do: by every way in.
    let event = |data: &str| json!({"tenant": "acme", "event": "a", "data": {"id": data}});
    let accepted = cluster.publish(event(PAYLOAD).to_string()).await.unwrap();
    assert_eq!(accepted.status, 202);
    let event_id = accepted.json()["id"].as_str().unwrap().to_owned();
    for wrong in [
        format!("{{\"tenant\":\"acme\",\"event\":\"a\",\"data\":{PAYLOAD}}}"),
        event(PAYLOAD)
            .to_string()
            .replace("\"a\"", &format!("\"{PAYLOAD}\"")),
    ] {
        assert_eq!(cluster.publish(wrong).await.unwrap().status, 400);
    }
    let admin = stack.broker_admin();
    let inbox = "posthaste.inbox";
    let json = json!({"content_type": "application/json"});
    admin
        .publish("", inbox, PAYLOAD.as_bytes(), json.clone())
        .await;
    admin
        .publish("", inbox, event(PAYLOAD).to_string().as_bytes(), json)
        .await;
    let stranger = console.with_key("phk_canary-wrong-key-55d0c1");
    assert_eq!(stranger.get("/v1/tenants").await.status, 401);
    receiver.wait_for(3, SOON).await;

    let delivery = eventually(SOON, "the delivery is on record", async || {
        let path = format!("/v1/tenants/acme/deliveries?event={event_id}");
        let listed = console.get(&path).await.json();
        let one = &listed["data"][0];
        (one["state"] == "delivered").then(|| one["id"].as_str().unwrap().to_owned())
    })
    .await;
    eventually(SOON, "what was rejected is on record", async || {
        let listed = console.get("/v1/dead-letters").await.json();
        !listed["data"].as_array().unwrap().is_empty()
    })
    .await;
    eventually(SOON, "the attempts are traced", async || {
        let spans = collector.spans();
        spans.iter().filter(|span| span.name == "POST").count() >= 3
    })
    .await;

    let token = |link: &str| link.rsplit_once('/').unwrap().1.to_owned();
    let rotated = rotated["secret"].as_str().unwrap();
    let rotated = rotated.strip_prefix("whsec_").unwrap();
    let bytes = STANDARD.decode(rotated).unwrap();
    let secrets = Planted(vec![
        ("the endpoint's own secret", STANDARD.encode(OWN_KEY)),
        ("its bytes", String::from_utf8(OWN_KEY.to_vec()).unwrap()),
        ("its bytes in hex", hex(OWN_KEY)),
        ("the new secret", rotated.to_owned()),
        ("the new secret in hex", hex(&bytes)),
        ("the header's value", HEADER.to_owned()),
        ("the header's value in hex", hex(HEADER.as_bytes())),
        ("the platform's key", cluster.key().to_owned()),
        ("the tenant's key", key["key"].as_str().unwrap().to_owned()),
        ("a key that is none", "canary-wrong-key-55d0c1".to_owned()),
        ("the opened link", token(link)),
        ("the unused link", token(unused)),
        ("the session", session),
        ("the key of the keys", "A".repeat(43)),
    ]);
    // These may be where they belong: in the record, in the queues, and in what shows them.
    let carried = Planted(vec![
        ("the payload", PAYLOAD.to_owned()),
        ("the payload in hex", hex(PAYLOAD.as_bytes())),
        ("the URL's query", QUERY.to_owned()),
        ("the answer's body", ANSWER.to_owned()),
    ]);
    for role in Role::ALL {
        let log = cluster.logged(role, "").join("\n");
        assert!(
            log.contains("TRACE") && log.contains("DEBUG"),
            "{} is not talkative",
            role.name()
        );
        let from = format!("the log of {}", role.name());
        secrets.assert_absent(&from, &log);
        carried.assert_absent(&from, &log);
        let metrics = cluster.metrics(role).await;
        secrets.assert_absent("the metrics", &metrics);
        carried.assert_absent("the metrics", &metrics);
    }
    for span in collector.spans() {
        let span = format!("{span:?}");
        secrets.assert_absent("a span", &span);
        carried.assert_absent("a span", &span);
    }
    let mut showing = String::new();
    for (path, told) in shown(&console, id, &event_id, &delivery).await {
        secrets.assert_absent(&path, &told);
        showing += &told;
    }
    assert!(showing.contains(QUERY), "its owner sees the whole URL");
    let dump = dumped(&stack).await;
    secrets.assert_absent("the database", &dump);
    assert!(
        !carried.found_in(&dump).is_empty(),
        "the look finds what is there"
    );
    let texts: Vec<&str> = secrets.0.iter().map(|(_, text)| text.as_str()).collect();
    let none: [&str; 0] = [];
    assert_eq!(stack.on_brokers_disk(&texts), none);
    assert_eq!(
        stack.on_brokers_disk(&[PAYLOAD]),
        [PAYLOAD],
        "the look finds what is there"
    );
}
