//! Replays through the real program: at a rate, paused and cancelled, and exactly once by delivery
//! however the console ends.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::receiver::{Receiver, Respond};
use testkit::{Cluster, Stack, eventually};

use crate::support::{PROGRAM, Publisher};

const DEAD: usize = 300;

const SOON: Duration = Duration::from_secs(90);

/// A tenant with one endpoint, and dead letters of deliveries to it.
struct Scene {
    cluster: Cluster,
    receiver: Receiver,
    endpoint: Value,
    stack: Stack,
}

impl Scene {
    /// Published and delivered the real way, and then declared dead.
    async fn with(dead: usize) -> Self {
        let stack = Stack::new().await;
        let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
        let receiver = Receiver::start([Respond::ok()]).await;
        for name in ["acme", "other"] {
            let tenant = json!({"name": name, "external_id": name});
            cluster.make("/v1/tenants", &tenant).await;
        }
        let body = json!({"url": receiver.url(), "event_types": ["*"]});
        let endpoint = cluster.make("/v1/tenants/acme/endpoints", &body).await;
        let scene = Self {
            endpoint: endpoint["id"].clone(),
            cluster,
            receiver,
            stack,
        };
        scene.publish(dead).await;
        let everything = json!({"everything": {
            "endpoint": scene.endpoint, "since": "2020-01-01T00:00:00Z",
        }});
        eventually(SOON, "all deliveries to be on record", async || {
            let count = scene.count(&everything).await;
            if count == dead { Ok(()) } else { Err(count) }
        })
        .await;
        scene.stack.give_up_deliveries().await;
        scene
    }

    async fn publish(&self, events: usize) {
        let publisher = Publisher::of(&self.cluster);
        let published = (0..events).map(|number| {
            let publisher = publisher.clone();
            tokio::spawn(async move {
                let data = number.to_string();
                publisher.publish_until_accepted("acme", &data).await
            })
        });
        for one in published.collect::<Vec<_>>() {
            one.await.unwrap();
        }
    }

    /// How many a dry run counts.
    async fn count(&self, selector: &Value) -> usize {
        let mut body = selector.clone();
        body["dry_run"] = json!(true);
        let told = self.cluster.make("/v1/tenants/acme/replays", &body).await;
        usize::try_from(told["count"].as_u64().unwrap()).unwrap()
    }

    /// Makes a replay; gives its path.
    async fn replay(&self, body: Value) -> String {
        let made = self.cluster.make("/v1/tenants/acme/replays", &body).await;
        let id = made["id"].as_str().unwrap();
        format!("/v1/tenants/acme/replays/{id}")
    }

    async fn get(&self, path: &str) -> Value {
        self.cluster.call(Method::GET, path, None).await.json()
    }

    /// Waits until a replay looks so.
    async fn until(&self, path: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(SOON, what, async || {
            let seen = self.get(path).await;
            if is_so(&seen) { Ok(seen) } else { Err(seen) }
        })
        .await
    }

    /// Waits until a replay is finished and all that it made is delivered.
    async fn finished(&self, path: &str, deliveries: usize) -> Value {
        self.until(path, "all to be delivered", |seen| {
            seen["state"] == "finished" && seen["deliveries"]["delivered"] == deliveries
        })
        .await
    }

    /// How often each event has arrived.
    fn arrived(&self) -> HashMap<String, usize> {
        let mut arrived = HashMap::new();
        for request in self.receiver.requests() {
            let id = request.headers["webhook-id"].to_str().unwrap().to_owned();
            *arrived.entry(id).or_default() += 1;
        }
        arrived
    }

    /// Fails unless every delivery was replayed by one delivery, and no more.
    async fn assert_replayed_once(&self, count: usize) {
        self.stack
            .execute(&format!(
                "do $look$ declare replays bigint; originals bigint; begin
                   select count(*), count(distinct replay_of) into replays, originals
                   from deliveries where trigger = 'replay';
                   if replays <> {count} or originals <> {count} then
                     raise exception '% replays of % deliveries', replays, originals;
                   end if;
                 end $look$"
            ))
            .await;
    }
}

fn number(seen: &Value, member: &str) -> usize {
    let number = seen[member].as_u64();
    usize::try_from(number.unwrap_or_else(|| panic!("no {member} in {seen}"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_delivered_after_a_dry_run() {
    let scene = Scene::with(DEAD).await;
    let failed = json!({"failed": {"endpoint": scene.endpoint, "reason": "exhausted"}});
    assert_eq!(scene.count(&failed).await, DEAD);
    let url = scene.cluster.console_url();
    let command = [
        "replays",
        "--console-url",
        &url,
        "--key",
        scene.cluster.key(),
    ];
    let command = [&command[..], &["--tenant", "acme", "failed", "--dry-run"]].concat();
    let told: Value = serde_json::from_str(&scene.cluster.run(&command).await).unwrap();
    assert_eq!(
        (&told["count"], &told["takes_s"]),
        (&json!(DEAD), &json!(3))
    );
    let body = json!({"failed": {"endpoint": scene.endpoint}, "rate": 150});
    let path = scene.replay(body).await;
    let ended = scene.finished(&path, DEAD).await;
    assert_eq!(
        (number(&ended, "selected"), number(&ended, "published")),
        (DEAD, DEAD)
    );
    scene.assert_replayed_once(DEAD).await;
    let arrived = scene.arrived();
    assert_eq!(arrived.len(), DEAD);
    assert!(arrived.values().all(|times| *times == 2), "{arrived:?}");
    assert_eq!(scene.count(&failed).await, 0);
    let open = scene.get("/v1/tenants/acme/dead-letters").await;
    assert_eq!(open["data"], json!([]));

    let foreign = path.replace("/acme/", "/other/");
    for (method, path) in [
        (Method::GET, foreign.clone()),
        (Method::POST, format!("{foreign}/cancel")),
    ] {
        let answer = scene.cluster.call(method, &path, None).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_it_and_a_cancel_ends_it() {
    let scene = Scene::with(DEAD).await;
    let path = scene.replay(json!({"failed": {}, "rate": 40})).await;
    let begun = |seen: &Value| number(seen, "published") >= 20;
    scene.until(&path, "some to be published", begun).await;
    scene
        .cluster
        .make(&format!("{path}/pause"), &Value::Null)
        .await;
    let is_at_rest = |seen: &Value| seen["published"] == seen["selected"];
    let paused = scene
        .until(&path, "what is in hand to be published", is_at_rest)
        .await;
    let before = number(&paused, "published");
    assert!(before < DEAD, "{paused}");
    // As many as it published, and one that was published live meanwhile.
    scene.publish(1).await;
    scene.receiver.wait_for(DEAD + before + 1, SOON).await;
    let delivered = |seen: &Value| seen["deliveries"]["delivered"] == before;
    let still = scene
        .until(&path, "what was published to be delivered", delivered)
        .await;
    assert_eq!(
        (&still["state"], number(&still, "selected")),
        (&json!("paused"), before)
    );

    scene
        .cluster
        .make(&format!("{path}/resume"), &Value::Null)
        .await;
    let further = |seen: &Value| number(seen, "published") >= before + 20;
    scene.until(&path, "it to go on", further).await;
    scene
        .cluster
        .make(&format!("{path}/cancel"), &Value::Null)
        .await;
    let ended = scene
        .until(&path, "what is in hand to be published", is_at_rest)
        .await;
    let published = number(&ended, "published");
    assert!(published < DEAD, "{ended}");
    let delivered = |seen: &Value| seen["deliveries"]["delivered"] == published;
    let ended = scene
        .until(&path, "what was published to be delivered", delivered)
        .await;
    assert_eq!(ended["state"], "cancelled");
    scene.assert_replayed_once(published).await;
    // What it had not come to is as it was.
    assert_eq!(scene.count(&json!({"failed": {}})).await, DEAD - published);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_console_goes_on_where_it_was() {
    const RATE: usize = 60;
    let mut scene = Scene::with(DEAD).await;
    let path = scene.replay(json!({"failed": {}, "rate": RATE})).await;
    for share in [1, 2] {
        let begun = |seen: &Value| number(seen, "published") >= DEAD * share / 4;
        scene.until(&path, "a part to be published", begun).await;
        scene.cluster.kill(Role::Console).await;
        scene.cluster.start_role(Role::Console).await;
    }
    let seen = scene.get(&path).await;
    assert_eq!(
        seen["state"], "running",
        "it was not killed in the middle: {seen}"
    );
    let ended = scene.finished(&path, DEAD).await;
    assert_eq!(
        (number(&ended, "selected"), number(&ended, "published")),
        (DEAD, DEAD)
    );
    scene.assert_replayed_once(DEAD).await;
    let arrived = scene.arrived();
    assert_eq!(arrived.len(), DEAD);
    assert!(arrived.values().all(|times| *times >= 2), "{arrived:?}");
    let duplicates = arrived.values().sum::<usize>() - 2 * DEAD;
    println!("replayed {DEAD} over two kills, lost 0, duplicates {duplicates}");
    // At most what was in hand at each kill: a quarter of a second's.
    assert!(
        duplicates <= 2 * RATE.div_ceil(4),
        "{duplicates} duplicates"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_endpoint_gets_what_it_missed() {
    let scene = Scene::with(20).await;
    let late = Receiver::start([Respond::ok()]).await;
    let body = json!({"url": late.url(), "event_types": ["shipment.*"]});
    let made = scene
        .cluster
        .make("/v1/tenants/acme/endpoints", &body)
        .await;
    let missed = json!({"missed": {"endpoint": made["id"]}});
    assert_eq!(scene.count(&missed).await, 20);
    let path = scene.replay(missed.clone()).await;
    late.wait_for(20, SOON).await;
    scene.finished(&path, 20).await;
    assert_eq!(scene.count(&missed).await, 0);
    assert_eq!(late.requests().len(), 20);
}
