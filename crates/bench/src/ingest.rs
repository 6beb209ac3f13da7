//! Events accepted a second by each of the ways that they come: requests of one event and of many,
//! messages of one event and of many.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::ensure;
use broker::topology::Route;
use broker::{Broker, Config, Outgoing, Publisher};
use bytes::Bytes;
use clap::Args;
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::cluster::Role;
use testkit::total;
use wire::MessageType;
use wire::inbox::{InboxEvent, encode, encode_batch};

use crate::limits::{self, http::Bare};
use crate::load::payload;
use crate::meter::Meter;
use crate::platform::{BATCH, EVENT_TYPE, http};
use crate::table::rate;
use crate::trial::{Settings, Trial, servers};

/// Events accepted a second, over HTTP and from the queue, alone and in batches.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Events by each way.
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    /// The payload of an event, in bytes.
    #[arg(long, default_value_t = 1024)]
    payload_bytes: usize,
    /// How many requests are under way at once.
    #[arg(long, default_value_t = 64)]
    publishers: usize,
}

const TENANT: &str = "ingest";

/// Events before the measured ones, by each way.
const WARM_UP: usize = 2_000;

/// How long it may take until all is accepted, and until all is fanned out.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often a role is asked how far it is.
const LOOK: Duration = Duration::from_millis(20);

/// How events come.
#[derive(Debug, Clone, Copy)]
enum Way {
    Requests,
    BatchRequests,
    Messages,
    BatchMessages,
}

impl Way {
    const ALL: [Self; 4] = [
        Self::Requests,
        Self::BatchRequests,
        Self::Messages,
        Self::BatchMessages,
    ];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests => write!(f, "HTTP, 1 event a request"),
            Self::BatchRequests => write!(f, "HTTP, {BATCH} events a request"),
            Self::Messages => write!(f, "queue, 1 event a message"),
            Self::BatchMessages => write!(f, "queue, {BATCH} events a message"),
        }
    }
}

/// Runs the measurement.
pub(crate) async fn run(ingest: Ingest, settings: Settings) -> anyhow::Result<()> {
    let servers = servers(settings).await?;
    let trial = Trial::on(&servers).await?;
    trial.platform.empty_tenant(TENANT).await?;
    let config = Config::new(SecretString::from(trial.stack.amqp_url()), "bench");
    let inbox = Broker::new(&config)?.publisher("inbox");
    let mut figures = Vec::new();
    for way in Way::ALL {
        ingest.accept(&trial, &inbox, way, WARM_UP).await?;
        let bare = ingest.bare(&trial).await?;
        let before = Meter::read(&trial, &servers)?;
        let took = ingest.accept(&trial, &inbox, way, ingest.events).await?;
        let after = Meter::read(&trial, &servers)?;
        let events = u64::try_from(ingest.events)?;
        let accepted = rate(events, took);
        println!("\n{way}");
        println!("  accepted {accepted:>9.0} events/s, fanned out meanwhile and after");
        println!(
            "  {:>18.3} of the bare client's {bare:.0} requests/s",
            accepted / bare
        );
        let processes = after.told_since(&before, events, "events");
        figures.push(json!({
            "way": way.to_string(),
            "events_accepted_per_s": accepted,
            "bare_requests_per_s": bare,
            "accepted_of_bare": accepted / bare,
            "processes": processes,
        }));
    }
    println!("{}", Value::from(figures));
    drop(trial);
    servers.stop().await?;
    Ok(())
}

impl Ingest {
    async fn bare(&self, trial: &Trial) -> anyhow::Result<f64> {
        let bare = Bare::new(http()?, &trial.receiver, self.payload_bytes);
        let requests = self.events / 4;
        let load = bare.load(requests, self.publishers).await?;
        Ok(rate(u64::try_from(requests)?, load.took))
    }

    /// How long it took until so many events were accepted. Returns when all of them are recorded.
    async fn accept(
        &self,
        trial: &Trial,
        inbox: &Publisher,
        way: Way,
        events: usize,
    ) -> anyhow::Result<Duration> {
        let accepted = Counter::read(trial, Role::Ingest, "posthaste_ingest_accepted_total").await;
        let recorded = Counter::read(trial, Role::Fanout, "posthaste_fanout_events_total").await;
        let began = Instant::now();
        self.publish(trial, inbox, way, events).await?;
        accepted.grown(trial, events).await?;
        let took = began.elapsed();
        recorded.grown(trial, events).await?;
        Ok(took)
    }

    async fn publish(
        &self,
        trial: &Trial,
        inbox: &Publisher,
        way: Way,
        events: usize,
    ) -> anyhow::Result<()> {
        let (platform, bytes) = (&trial.platform, self.payload_bytes);
        let event = InboxEvent {
            tenant: TENANT.to_owned(),
            event: EVENT_TYPE.to_owned(),
            data: Bytes::from(payload(bytes, None)),
            ..InboxEvent::default()
        };
        match way {
            Way::Requests => {
                let publishers = self.publishers;
                platform.publish(TENANT, events, bytes, publishers).await?;
            }
            Way::BatchRequests => {
                platform
                    .flood(TENANT, events, bytes, self.publishers)
                    .await?;
            }
            Way::Messages => {
                let message = to_inbox(MessageType::InboxEvent, encode(&event));
                limits::broker::publish(inbox, &message, events).await?;
            }
            Way::BatchMessages => {
                let body = encode_batch(&vec![event; BATCH]);
                let message = to_inbox(MessageType::InboxBatch, body);
                limits::broker::publish(inbox, &message, events / BATCH).await?;
            }
        }
        Ok(())
    }
}

fn to_inbox(kind: MessageType, body: Bytes) -> Outgoing {
    Outgoing::new(Route::inbox(), body, kind.as_str(), wire::CONTENT_TYPE)
}

/// A counter of a role, summed up over its labels, as it was.
struct Counter {
    role: Role,
    name: &'static str,
    was: f64,
}

impl Counter {
    async fn read(trial: &Trial, role: Role, name: &'static str) -> Self {
        let was = Self::value(trial, role, name).await;
        Self { role, name, was }
    }

    async fn value(trial: &Trial, role: Role, name: &str) -> f64 {
        total(&trial.cluster.metrics(role).await, name)
    }

    /// Returns when it has grown by so many.
    async fn grown(&self, trial: &Trial, by: usize) -> anyhow::Result<()> {
        let target = self.was + rate(u64::try_from(by)?, Duration::from_secs(1));
        let began = Instant::now();
        while Self::value(trial, self.role, self.name).await < target {
            ensure!(began.elapsed() < PATIENCE, "{} did not grow", self.name);
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}
