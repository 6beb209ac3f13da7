//! A platform with something on every page: deliveries that arrived, failed and are held, a replay,
//! a schema; and who looks at it.

use std::path::Path;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use testkit::receiver::{Receiver, Respond};
use testkit::{Browser, Cluster, Stack, eventually};

use crate::support::{PROGRAM, Publisher};

const SOON: Duration = Duration::from_secs(90);

/// How many events are published.
const EVENTS: u64 = 14;

/// Paths that are no pages: one never ends, one is a file.
const NO_PAGES: [&str; 2] = ["/stream", "/payload"];

/// The path of every page that asks for a session, with its parameters in braces.
pub(crate) fn templates() -> impl Iterator<Item = &'static str> {
    console::pages()
        .filter(|(method, path)| {
            *method == Method::GET && !NO_PAGES.iter().any(|end| path.ends_with(end))
        })
        .map(|(_, path)| path)
}

pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    /// What stands for the parameters of paths.
    ids: Vec<(&'static str, String)>,
    // The processes end before the database goes.
    _stack: Stack,
}

impl Scene {
    /// Everything happens the real way; only the past is drawn out over a day afterwards, and the
    /// endpoints are given names.
    pub(crate) async fn start() -> Self {
        let stack = Stack::new().await;
        let cluster = Cluster::start(Path::new(PROGRAM), &stack).await;
        let good = Receiver::start([Respond::ok().body("thank you")]).await;
        let wrong = Receiver::start([Respond::status(404)]).await;
        for (name, id) in [("Acme", "acme"), ("Umbrella", "umbrella")] {
            let tenant = json!({"name": name, "external_id": id});
            cluster.make("/v1/tenants", &tenant).await;
        }
        let schema = json!({"description": "An order was paid.", "example": {"id": "ord_1", "total": 1250},
            "schema": {"type": "object", "required": ["id", "total"]}, "schema_mode": "warn"});
        let put = cluster
            .call(Method::PUT, "/v1/event-types/order.paid", Some(&schema))
            .await;
        assert!(put.status.is_success(), "{put:?}");
        let endpoints = "/v1/tenants/acme/endpoints";
        let delivering = json!({"url": good.url(), "event_types": ["shipment.*"],
            "description": "Warehouse"});
        let delivering = id(&cluster.make(endpoints, &delivering).await);
        let failing = json!({"url": wrong.url(), "event_types": ["shipment.created"],
            "description": "Billing", "retry_waits_s": []});
        cluster.make(endpoints, &failing).await;
        let paused = json!({"url": good.url(), "event_types": ["*"], "description": "Analytics"});
        let paused = id(&cluster.make(endpoints, &paused).await);
        let pause = format!("{endpoints}/{paused}/pause");
        cluster
            .make(&pause, &json!({"reason": "moving house"}))
            .await;

        let publisher = Publisher::of(&cluster);
        let mut event = String::new();
        for number in 0..EVENTS {
            let data = json!({"id": format!("ship_{number}"), "status": "created"});
            event = publisher
                .publish_until_accepted("acme", &data.to_string())
                .await;
        }
        settled(&cluster, EVENTS).await;
        let first = first(&cluster, &format!("deliveries?endpoint={delivering}")).await;
        let again = json!({"deliveries": [first]});
        let replay = id(&cluster.make("/v1/tenants/acme/replays", &again).await);
        settled(&cluster, EVENTS + 1).await;
        stack.execute(DRAWN_OUT).await;
        let keys = cluster.call(Method::GET, "/v1/api-keys", None).await.json();
        let ids = vec![
            ("letter", self::first(&cluster, "dead-letters").await),
            (
                "delivery",
                self::first(&cluster, "deliveries?state=dead").await,
            ),
            ("endpoint", delivering),
            ("event", event),
            ("replay", replay),
            ("key", id(&keys["data"][0])),
            ("name", "order.paid".to_owned()),
            ("tenant", "acme".to_owned()),
        ];
        Self {
            cluster,
            ids,
            _stack: stack,
        }
    }

    /// A browser with a session of the whole platform; none where there is no browser.
    pub(crate) async fn browser(&self) -> Option<Browser> {
        let browser = Browser::start().await?;
        browser.open(&self.cluster.console_url()).await;
        browser.type_into("#key", self.cluster.key()).await;
        browser.click("main form button").await;
        browser.text_with("Overview").await;
        Some(browser)
    }

    /// Where every page is.
    pub(crate) fn pages(&self) -> Vec<String> {
        let with_session = templates().map(|template| self.path(template));
        let empty = ["webhooks", "events", "dead-letters", "replays"]
            .map(|part| format!("/tenants/umbrella/{part}"));
        let others = ["/docs", "/login", "/nowhere"].map(str::to_owned);
        with_session.chain(empty).chain(others).collect()
    }

    /// The parameters of paths, as Schemathesis' settings give them.
    pub(crate) fn parameters(&self) -> String {
        let lines = self
            .ids
            .iter()
            .map(|(name, value)| format!("\"path.{name}\" = \"{value}\"\n"));
        format!("[parameters]\n{}", lines.collect::<String>())
    }

    /// Where one page is.
    ///
    /// # Panics
    /// When a parameter has no value here.
    pub(crate) fn path(&self, template: &str) -> String {
        let filled = self
            .ids
            .iter()
            .fold(template.to_owned(), |path, (name, value)| {
                path.replace(&format!("{{{name}}}"), value)
            });
        assert!(!filled.contains('{'), "no value for all of {filled}");
        filled
    }
}

/// The attempts of an hour and less become those of a day, and addresses of this machine others.
const DRAWN_OUT: &str = "
    update attempts set started_at = started_at - random() * interval '20 hours'
    where attempt = 1 and status = 200;
    update endpoints
    set url = 'https://hooks.example.com/' || lower(description);";

/// Waits until every delivery has its end: of each event one was given up and one is held, and so
/// many of all have arrived.
async fn settled(cluster: &Cluster, arrived: u64) {
    eventually(SOON, "every delivery to have its end", async || {
        let ledger = cluster.call(Method::GET, "/v1/ledger", None).await.json();
        let count = |name: &str| ledger[name].as_u64().unwrap_or_default();
        // A dispatcher may hear of the pause after the first event.
        let arrived_or_held = count("delivered") + count("held");
        let is_done = arrived_or_held == arrived + EVENTS && count("dead") == EVENTS;
        if is_done { Ok(()) } else { Err(ledger) }
    })
    .await;
}

/// The id of the first of a list of the tenant's.
async fn first(cluster: &Cluster, list: &str) -> String {
    let path = format!("/v1/tenants/acme/{list}");
    let listed = cluster.call(Method::GET, &path, None).await.json();
    id(&listed["data"][0])
}

fn id(made: &Value) -> String {
    let id = made["id"].as_str();
    id.unwrap_or_else(|| panic!("no id in {made}")).to_owned()
}
