//! What endpoints that misbehave cost those that don't: the latency of the healthy ones beside
//! that of a run in which all are healthy.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sandbox::{Options, Servers};

use crate::latency::{Latency, head};
use crate::trial::Trial;

/// What bad endpoints cost healthy ones.
#[derive(Debug, Args)]
pub(crate) struct Isolation {
    /// All endpoints; each gets an equal share of the events.
    #[arg(long, default_value_t = 100)]
    endpoints: usize,
    /// How many of them are bad, a run for each number; a run with none comes first.
    #[arg(long, value_delimiter = ',', default_value = "1,10,50")]
    bad: Vec<usize>,
    /// In which way.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "hang,fail,close"
    )]
    ways: Vec<Way>,
    /// Events a second, over all endpoints.
    #[arg(long, default_value_t = 500)]
    per_second: u32,
    /// How long each run is measured, in seconds, after a warm-up of a third of it.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

/// How an endpoint misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// It answers after 30 seconds.
    Hang,
    /// It answers 500.
    Fail,
    /// It closes the connection.
    Close,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::Fail => "fail",
            Self::Close => "close",
        }
    }
}

const TENANT: &str = "isolation";
const HEALTHY: &str = "healthy";

/// Runs the measurement.
pub(crate) async fn run(isolation: Isolation) -> anyhow::Result<()> {
    let servers = Servers::start(Options::ephemeral()).await?;
    println!(
        "{} endpoints, {} events/s of 1 KiB, {} s a run; from acceptance to arrival at the healthy ones\n{}",
        isolation.endpoints,
        isolation.per_second,
        isolation.seconds,
        head("bad endpoints"),
    );
    let mut figures = Vec::new();
    for way in &isolation.ways {
        let none = isolation.trial(&servers, *way, 0).await?;
        let name = format!("none (before {})", way.name());
        println!("{}", none.row(&name, None));
        figures.push(none.json(&name, None));
        for bad in &isolation.bad {
            let some = isolation.trial(&servers, *way, *bad).await?;
            let (name, ratio) = (format!("{bad} {}", way.name()), some.ratio(&none));
            println!("{}", some.row(&name, ratio));
            figures.push(some.json(&name, ratio));
        }
    }
    println!("{}", serde_json::Value::from(figures));
    servers.stop().await?;
    Ok(())
}

impl Isolation {
    /// One run on an installation of its own, so that no retry of the last one reaches it.
    async fn trial(&self, servers: &Servers, way: Way, bad: usize) -> anyhow::Result<Latency> {
        let trial = Trial::on(servers).await?;
        let event_types = self.endpoints(&trial, way, bad).await?;
        let lasting = Duration::from_secs(self.seconds);
        let platform = &trial.platform;
        platform
            .steady(TENANT, &event_types, self.per_second, lasting / 3)
            .await?;
        trial.receiver.forget(HEALTHY).await?;
        platform
            .steady(TENANT, &event_types, self.per_second, lasting)
            .await?;
        // What is late counts too: a healthy endpoint's delivery that comes now has been waiting.
        trial.receiver.settled(HEALTHY).await?;
        Ok(Latency::of(&trial.receiver.series(HEALTHY).await?))
    }

    /// Makes the endpoints, each with an event type of its own; gives the types.
    async fn endpoints(&self, trial: &Trial, way: Way, bad: usize) -> anyhow::Result<Vec<String>> {
        let receiver = &trial.receiver;
        trial.platform.empty_tenant(TENANT).await?;
        let mut event_types = Vec::new();
        for number in 0..self.endpoints {
            let event_type = format!("bench.n{number}");
            let url = match way {
                _ if number >= bad => receiver.timed(HEALTHY),
                Way::Hang => format!("{}/hang/{number}", receiver.url),
                Way::Fail => format!("{}/fail/{number}", receiver.url),
                Way::Close => format!("{}/{number}", receiver.closing_url),
            };
            let made = trial.platform.endpoint(TENANT, &url, &event_type, None);
            made.await?;
            event_types.push(event_type);
        }
        Ok(event_types)
    }
}
