//! The stage: private servers, the program, a publisher and a receiver; and what is left of it at
//! the end, as evidence.

use std::collections::HashSet;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http::Method;
use sandbox::{Options, Servers};
use serde_json::{Value, json};
use testkit::{Depth, Stack};
use tokio::time::{Instant, sleep};

use crate::evidence;
use crate::fleet::Fleet;
use crate::oracle::{EventId, Evidence};
use crate::plan::{Load, TENANT};
use crate::publisher::Progress;
use crate::receiver;
use crate::worker::Worker;

/// How long queues must be empty, and nothing come, until all is quiet: many times as long as the
/// broker takes to count.
const QUIET: Duration = Duration::from_secs(3);
/// The queue that is never still: the lanes report how far they have come. What comes of the rest
/// of it shows in the ledger.
const REPORTS: &str = "posthaste.results";
/// How long the program may take to say that nothing is open.
const SETTLING: Duration = Duration::from_secs(120);
/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a trial is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program.
    pub posthaste: PathBuf,
    /// This program, for the publisher and the receiver.
    pub proof: PathBuf,
    /// Where journals and logs are kept.
    pub directory: PathBuf,
    /// What is published.
    pub load: Load,
    /// Decides the order of the faults, and stands in every payload.
    pub seed: u64,
    /// Events a second.
    pub rate: u32,
    /// Requests of the publisher under way at once.
    pub publishers: u32,
    /// About how long a payload is.
    pub payload_bytes: usize,
    /// How long a process stands still, and a table is locked.
    pub standing: Duration,
}

/// Everything that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Trial {
    /// What it was made of.
    pub settings: Settings,
    // The processes end before the servers that they are connected to.
    /// The publisher's process.
    pub publisher: Worker<Progress>,
    /// The receiver's process.
    pub receiver: Worker<receiver::Progress>,
    /// The program's processes.
    pub fleet: Fleet,
    /// The database and the virtual host.
    pub stack: Stack,
    /// The servers.
    pub servers: Servers,
    /// The endpoints' ids, in their order.
    endpoints: Vec<String>,
}

/// What is left at the end.
#[derive(Debug)]
pub struct Ended {
    /// What both processes wrote down, and what the record shows as given up.
    pub evidence: Evidence,
    /// What the publisher saw.
    pub publisher: Progress,
    /// Whether all was quiet in time.
    pub quiet: bool,
    /// What the program says of itself: its ledger.
    pub ledger: Value,
}

impl Trial {
    /// Starts it on servers of its own; events are published from here on.
    ///
    /// # Errors
    /// When a part of it doesn't start.
    ///
    /// # Panics
    /// When the program doesn't.
    pub async fn start(settings: Settings, servers: Options) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&settings.directory)?;
        let servers = Servers::start(servers).await?;
        let stack = Stack::on(servers.access()).await;
        let fleet = Fleet::start(&settings.posthaste, &stack, &settings.directory).await;
        stack.queues_on_disk().await;
        let receiver: Worker<receiver::Progress> =
            Worker::start(&settings.proof, "receiver", &settings.receiver()).await?;
        let endpoints = endpoints(&fleet, settings.load, &receiver.progress().url).await?;
        let arguments = settings.publisher(&fleet);
        let publisher = Worker::start(&settings.proof, "publisher", &arguments).await?;
        Ok(Self {
            settings,
            publisher,
            receiver,
            fleet,
            stack,
            servers,
            endpoints,
        })
    }

    /// Waits until so many events were accepted.
    ///
    /// # Errors
    /// When they aren't within the limit.
    pub async fn accepted(&self, events: u64, limit: Duration) -> anyhow::Result<()> {
        let what = format!("{events} events to be accepted");
        until(limit, &what, || {
            self.publisher.progress().accepted >= events
        })
        .await
    }

    /// Waits until events are accepted and delivered that had not been by now.
    ///
    /// # Errors
    /// When they aren't within the limit.
    pub async fn flows(&self, limit: Duration) -> anyhow::Result<()> {
        let (accepted, arrived) = self.counts();
        until(limit, "events to be accepted and attempted again", || {
            let (accepted_now, arrived_now) = self.counts();
            accepted_now > accepted && arrived_now > arrived
        })
        .await
    }

    fn counts(&self) -> (u64, u64) {
        let receiver = self.receiver.progress();
        let accepted = self.publisher.progress().accepted;
        (accepted, receiver.delivered + receiver.failed)
    }

    /// Waits until these queues are empty, for longer than the broker takes to count.
    ///
    /// # Errors
    /// When they aren't within the limit.
    pub async fn empty(&self, limit: Duration, which: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        let mut since: Option<(Instant, u64)> = None;
        loop {
            let queues = self.stack.broker_admin().queues().await;
            let mut full = queues.into_iter().filter(|depth| which(&depth.queue));
            let full = full.find(|Depth { ready, unacked, .. }| ready + unacked > 0);
            let (_, arrived) = self.counts();
            match (&full, since) {
                (None, Some((quiet, count))) if count == arrived => {
                    if quiet.elapsed() >= QUIET {
                        return Ok(());
                    }
                }
                (None, _) => since = Some((Instant::now(), arrived)),
                (Some(_), _) => since = None,
            }
            ensure!(Instant::now() < deadline, "not empty in time: {full:?}");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Ends the publisher, waits until all is quiet or the limit is over, and gathers the evidence.
    /// The program goes on: it can be asked.
    ///
    /// # Errors
    /// When a process fails, or its journal can't be read.
    ///
    /// # Panics
    /// When the console doesn't answer.
    pub async fn end(&mut self, limit: Duration) -> anyhow::Result<Ended> {
        let publisher = self.publisher.end().await?;
        // What isn't quiet in time shows in the comparison.
        let quiet = self.empty(limit, |queue| queue != REPORTS).await.is_ok();
        let ledger = self.ledger().await?;
        let dead_letters = self.dead_letters().await?;
        self.receiver.end().await?;
        let evidence = evidence::gather(self.settings.load, &self.settings.directory)?;
        Ok(Ended {
            evidence: Evidence {
                dead_letters,
                ..evidence
            },
            publisher,
            quiet,
            ledger,
        })
    }

    /// How many of these events are not on record.
    ///
    /// # Errors
    /// When the console answers neither that one is nor that it isn't.
    pub async fn not_recorded(
        &self,
        events: impl IntoIterator<Item = EventId>,
    ) -> anyhow::Result<usize> {
        let mut missing = 0;
        for event in events {
            let id = evidence::event_id(event);
            let path = format!("/v1/tenants/{TENANT}/events/{id}");
            let answer = self.fleet.cluster().call(Method::GET, &path, None).await;
            match answer.status.as_u16() {
                200 => {}
                404 => missing += 1,
                status => bail!("{path}: {status}"),
            }
        }
        Ok(missing)
    }

    /// The program's ledger, taken after this call, once nothing is open in it; as it is, where that
    /// takes too long.
    async fn ledger(&self) -> anyhow::Result<Value> {
        let deadline = Instant::now() + SETTLING;
        let before = self.get("/v1/ledger").await?;
        loop {
            let ledger = self.get("/v1/ledger").await?;
            let is_settled = ledger["taken_at"] != before["taken_at"]
                && ["unsettled", "waiting", "accepted_messages"]
                    .into_iter()
                    .all(|name| ledger[name] == 0);
            if is_settled || Instant::now() >= deadline {
                return Ok(ledger);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// The deliveries that the API shows as dead letters.
    async fn dead_letters(&self) -> anyhow::Result<HashSet<(EventId, usize)>> {
        let mut found = HashSet::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/tenants/{TENANT}/dead-letters?state=all&limit=250{cursor}");
            let page = self.get(&path).await?;
            for letter in page["data"].as_array().context("a list has data")? {
                let text = |name: &str| letter[name].as_str().unwrap_or_default();
                let endpoint = self.endpoints.iter().position(|id| id == text("endpoint"));
                let event = evidence::parse_event_id(text("event"));
                found.extend(event.zip(endpoint));
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(found),
            }
        }
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.fleet.cluster().call(Method::GET, path, None).await;
        ensure!(answer.status.is_success(), "{path}: {}", answer.status);
        Ok(answer.json())
    }
}

impl Settings {
    fn receiver(&self) -> Vec<String> {
        let journal = self.directory.join(evidence::RECEIVED);
        arguments(&[("journal", &journal.display()), ("load", &self.load.name())])
    }

    fn publisher(&self, fleet: &Fleet) -> Vec<String> {
        let journal = self.directory.join(evidence::PUBLISHED);
        let mut all = arguments(&[
            ("key", &fleet.cluster().key()),
            ("journal", &journal.display()),
            ("load", &self.load.name()),
            ("seed", &self.seed),
            ("rate", &self.rate),
            ("publishers", &self.publishers),
            ("payload-bytes", &self.payload_bytes),
        ]);
        let urls = fleet.ingest_urls();
        all.extend(urls.iter().flat_map(|url| arguments(&[("url", url)])));
        all
    }
}

fn arguments(named: &[(&str, &dyn Display)]) -> Vec<String> {
    let named = named.iter();
    named
        .flat_map(|(name, value)| [format!("--{name}"), value.to_string()])
        .collect()
}

/// Makes the tenant and its endpoints at a receiver; gives the endpoints' ids.
async fn endpoints(fleet: &Fleet, load: Load, receiver: &str) -> anyhow::Result<Vec<String>> {
    let cluster = fleet.cluster();
    let tenant = json!({"name": TENANT, "external_id": TENANT});
    cluster.make("/v1/tenants", &tenant).await;
    let mut ids = Vec::new();
    for endpoint in load.endpoints() {
        let asked = json!({
            "url": format!("{receiver}/{}", endpoint.name),
            "event_types": [endpoint.event_type],
            "retry_waits_s": endpoint.waits_s,
        });
        let path = format!("/v1/tenants/{TENANT}/endpoints");
        let made = cluster.make(&path, &asked).await;
        let id = made["id"].as_str().context("an endpoint has an id")?;
        ids.push(id.to_owned());
    }
    Ok(ids)
}

/// Looks until something is so.
async fn until(limit: Duration, what: &str, is: impl Fn() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    while !is() {
        ensure!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}
