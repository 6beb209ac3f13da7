//! Nothing goes inside. The whole program, with its guard of addresses as operators have it and no
//! way past it for tests, in a network where every address there is leads to this test: whatever is
//! connected to is seen.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use domain::endpoint::BodyFormat;
use http::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use signature::Secret;
use store::Store;
use store::endpoints::Settings;
use testkit::authority::{Authority, named};
use testkit::cluster::Role;
use testkit::name_server::NameServer;
use testkit::namespace::{self, Within};
use testkit::{Cluster, Stack, eventually};

use crate::support::PROGRAM;
use internet::Internet;
use urls::{ADDRESSES, FORMS, PUBLIC_V4, PUBLIC_V6, REACHED, REBOUND, UNREADABLE};

mod internet;
mod urls;

const SOON: Duration = Duration::from_secs(60);

const ENDPOINTS: &str = "/v1/tenants/acme/endpoints";

/// How often the name that moves is sent to.
const TURNS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_inside() {
    let stack = Stack::new().await;
    let hosts = format!(
        "127.0.0.1 localhost\n10.0.0.1 {}\n",
        urls::IN_THE_HOSTS_FILE
    );
    let ran = namespace::run("inside::within_a_namespace", &stack, &hosts).await;
    if let Err(reason) = ran {
        // Past what captures a test's output: that it did not run must be seen.
        let line = format!("not checked: no network namespace of our own: {reason}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "started in a network namespace by the test above"]
async fn within_a_namespace() {
    let Some(within) = Within::find().await else {
        return;
    };
    let mut world = World::start(&within).await;
    world.refuses_at_creation().await;
    let inside = world.have_all_the_same(&within).await;
    let public = world.public_endpoints().await;
    world.refuses_at_delivery(&inside, &public).await;
    world.refuses_test_events(&inside).await;
    world.judges_a_name_each_time().await;
    assert_eq!(world.reached(), expected(&[PUBLIC_V4, PUBLIC_V6]));

    // The canaries do sing: where the operator allows a network, it is reached.
    world.allow("10.1.0.0/16").await;
    world.reaches_what_is_allowed().await;
    assert_eq!(
        world.reached(),
        expected(&[PUBLIC_V4, PUBLIC_V6, "10.1.2.3"])
    );
}

fn expected(addresses: &[&str]) -> Vec<IpAddr> {
    let mut expected: Vec<IpAddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
    expected.sort_unstable();
    expected
}

struct World {
    cluster: Cluster,
    internet: Internet,
    authority: tempfile::NamedTempFile,
    _names: NameServer,
}

/// An endpoint and why it isn't sent to.
type Inside = (String, &'static str);

impl World {
    async fn start(within: &Within) -> Self {
        let zone = urls::public().into_iter().chain(urls::inside());
        let allowed = [("allowed.example", urls::at(&["10.1.2.3"]))];
        let address = "127.0.0.1:53".parse().unwrap();
        let names = NameServer::of_zone(address, zone.chain(allowed))
            .await
            .unwrap();

        let authority = Authority::new();
        let mut hosts = vec![PUBLIC_V4, PUBLIC_V6, "10.1.2.3", "allowed.example"];
        let public = urls::public();
        hosts.extend(public.iter().map(|(name, _)| *name));
        let tls = authority.certify(&named(&hosts), &["http/1.1"]);
        let internet = Internet::start(&tls).await;

        let (amqp, postgres) = (within.amqp_url(), within.postgres_url());
        let cluster = Cluster::prepare_at(Path::new(PROGRAM), amqp, postgres).await;
        let mut world = Self {
            cluster,
            internet,
            authority: authority.file(),
            _names: names,
        };
        world.configure(&[]);
        for role in Role::ALL {
            world.cluster.launch(role);
        }
        for role in Role::ALL {
            world.cluster.ready(role).await;
        }
        let tenant = json!({"name": "acme", "external_id": "acme"});
        world.cluster.make("/v1/tenants", &tenant).await;
        let example = json!({"description": "One", "example": {}});
        let put = Method::PUT;
        let made = world
            .cluster
            .call(put, "/v1/event-types/a.b", Some(&example))
            .await;
        assert!(made.status.is_success(), "{made:?}");
        world
    }

    /// What console and dispatcher allow from their next start on.
    fn configure(&mut self, allowed: &[&str]) {
        let authority = self.authority.path().to_str().unwrap().to_owned();
        let dispatcher = [&["--dispatcher-ca-file", authority.as_str()], allowed].concat();
        self.cluster.arguments(Role::Console, allowed);
        self.cluster.arguments(Role::Dispatcher, &dispatcher);
    }

    /// Starts both anew, with this network allowed.
    async fn allow(&mut self, network: &str) {
        self.configure(&["--allow-network", network]);
        for role in [Role::Console, Role::Dispatcher] {
            self.cluster.kill(role).await;
            self.cluster.start_role(role).await;
        }
    }

    async fn refuses_at_creation(&self) {
        for url in ADDRESSES.iter().chain(&FORMS).chain(&UNREADABLE) {
            let endpoint = json!({"url": url});
            let refused = self
                .cluster
                .call(Method::POST, ENDPOINTS, Some(&endpoint))
                .await;
            let text = String::from_utf8_lossy(&refused.body);
            assert_eq!(refused.status, 422, "{url}: {text}");
            assert!(text.contains("#/url"), "{url}: {text}");
        }
    }

    /// Endpoints that are in the record whatever the API refuses, as when the operator has allowed
    /// more before; and those whose name is like any other.
    async fn have_all_the_same(&self, within: &Within) -> Vec<Inside> {
        let key = format!("1:{}=", "A".repeat(43)).parse().unwrap();
        let url = SecretString::from(within.postgres_url());
        let store = Store::connect(store::Config::new(url, key)).unwrap();
        let tenant = self
            .cluster
            .call(Method::GET, "/v1/tenants/acme", None)
            .await;
        let tenant = tenant.json()["id"].as_str().unwrap().parse().unwrap();
        let secret = Secret::from_bytes(vec![7; 32]).unwrap();
        let addresses = ADDRESSES.map(|url| (url, "address_forbidden"));
        let forms = FORMS.map(|url| (url, "url_forbidden"));
        let mut made = Vec::new();
        for (url, why) in addresses.into_iter().chain(forms) {
            let settings = settings(url);
            let endpoint = store.create_endpoint(tenant, &settings, &secret).await;
            made.push((endpoint.unwrap().id.to_string(), why));
        }
        let names = urls::inside().into_iter().map(|(name, _)| name);
        for name in names.chain([urls::IN_THE_HOSTS_FILE]) {
            let id = self.endpoint(&format!("https://{name}/"), "a.b").await;
            made.push((id, "address_forbidden"));
        }
        made
    }

    async fn public_endpoints(&self) -> Vec<String> {
        let mut made = Vec::new();
        for url in REACHED {
            made.push(self.endpoint(url, "a.b").await);
        }
        made
    }

    async fn endpoint(&self, url: &str, event_type: &str) -> String {
        let endpoint = json!({"url": url, "event_types": [event_type]});
        let made = self.cluster.make(ENDPOINTS, &endpoint).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// One event to all of them.
    async fn refuses_at_delivery(&self, inside: &[Inside], public: &[String]) {
        let outcomes = self.deliver("a.b", inside.len() + public.len()).await;
        for (endpoint, why) in inside {
            assert_eq!(
                outcomes[endpoint],
                json!(why),
                "{}",
                self.url(endpoint).await
            );
        }
        for endpoint in public {
            let url = self.url(endpoint).await;
            assert_eq!(outcomes[endpoint], json!("delivered"), "{url}");
        }
    }

    /// The test button tells no more than any delivery: the answer is the same wherever it leads,
    /// and so is all that is kept.
    async fn refuses_test_events(&self, inside: &[Inside]) {
        for (endpoint, why) in inside {
            let path = format!("{ENDPOINTS}/{endpoint}/test");
            let sent = self
                .cluster
                .make(&path, &json!({"event_type": "a.b"}))
                .await;
            let delivery = sent["delivery"].as_str().unwrap();
            let path = format!("/v1/tenants/acme/deliveries/{delivery}");
            let attempt = eventually(SOON, "the test is on record", async || {
                let delivery = self.cluster.call(Method::GET, &path, None).await.json();
                let attempt = delivery["attempts"][0].clone();
                if attempt.is_object() {
                    Ok(attempt)
                } else {
                    Err(delivery)
                }
            })
            .await;
            assert_eq!(attempt["outcome"], json!(why));
            assert_eq!(attempt["status"], Value::Null);
            assert_eq!(attempt["answer"], json!({"text": ""}));
        }
    }

    /// Each look-up is judged, and what was judged is what is connected to.
    async fn judges_a_name_each_time(&self) {
        // Without retries, whose look-ups would take turns as well.
        let url = format!("https://{REBOUND}/");
        let endpoint = json!({"url": url, "event_types": ["rebound"], "retry_waits_s": []});
        self.cluster.make(ENDPOINTS, &endpoint).await;
        let before = self.internet.visits(PUBLIC_V4.parse().unwrap());
        let mut outcomes = BTreeMap::<String, usize>::new();
        for _ in 0..TURNS {
            let outcome = self
                .deliver("rebound", 1)
                .await
                .into_values()
                .next()
                .unwrap();
            *outcomes
                .entry(outcome.as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        let names: Vec<_> = outcomes.keys().map(String::as_str).collect();
        assert_eq!(names, ["address_forbidden", "delivered"], "{outcomes:?}");
        let visits = self.internet.visits(PUBLIC_V4.parse().unwrap()) - before;
        assert_eq!(visits, outcomes["delivered"]);
    }

    async fn reaches_what_is_allowed(&self) {
        for url in ["https://10.1.2.3/", "https://allowed.example/"] {
            self.endpoint(url, "allowed").await;
        }
        for url in [
            "https://10.2.0.1/",
            "https://127.0.0.1/",
            "http://10.1.2.3/",
        ] {
            let endpoint = json!({"url": url});
            let refused = self
                .cluster
                .call(Method::POST, ENDPOINTS, Some(&endpoint))
                .await;
            assert_eq!(refused.status, 422, "{url}");
        }
        for (endpoint, outcome) in self.deliver("allowed", 2).await {
            assert_eq!(outcome, "delivered", "{}", self.url(&endpoint).await);
        }
    }

    /// Publishes an event, and returns the outcome of each endpoint's first attempt.
    async fn deliver(&self, event_type: &str, endpoints: usize) -> BTreeMap<String, Value> {
        let event = json!({"tenant": "acme", "event": event_type, "data": {}});
        let accepted = self.cluster.publish(event.to_string()).await.unwrap();
        assert_eq!(accepted.status, 202, "{accepted:?}");
        let event = accepted.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/tenants/acme/deliveries?event={event}&limit=250");
        eventually(SOON, "every delivery was attempted", async || {
            let listed = self.cluster.call(Method::GET, &path, None).await.json();
            let listed = listed["data"].as_array().unwrap().iter();
            let outcomes: BTreeMap<_, _> = listed
                .map(|one| {
                    let endpoint = one["endpoint"].as_str().unwrap().to_owned();
                    (endpoint, one["last_outcome"].clone())
                })
                .filter(|(_, outcome)| outcome.is_string())
                .collect();
            let count = outcomes.len();
            if count == endpoints {
                Ok(outcomes)
            } else {
                Err(count)
            }
        })
        .await
    }

    async fn url(&self, endpoint: &str) -> Value {
        let path = format!("{ENDPOINTS}/{endpoint}");
        self.cluster.call(Method::GET, &path, None).await.json()["url"].clone()
    }

    /// What was connected to, at the ports that deliveries may go to.
    fn reached(&self) -> Vec<IpAddr> {
        let reached = self.internet.reached();
        for at in &reached {
            assert!(matches!(at.port(), 443 | 8443), "{at}");
        }
        let mut reached: Vec<IpAddr> = reached.iter().map(|at| at.ip()).collect();
        reached.sort_unstable();
        reached.dedup();
        reached
    }
}

fn settings(url: &str) -> Settings {
    Settings {
        url: url.parse().unwrap(),
        description: String::new(),
        event_types: vec!["a.b".parse().unwrap()],
        channels: Vec::new(),
        format: BodyFormat::Guide,
        headers: Vec::new(),
        timeout: Duration::from_secs(15),
        retry: None,
        filter: None,
        rate_limit: None,
    }
}
