//! What endpoints that misbehave cost those that don't: the latency of the healthy ones beside
//! that of a run in which all are healthy.

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use sandbox::Servers;

use crate::latency::{Latency, head};
use crate::trial::{Settings, Trial, servers};

/// What bad endpoints cost healthy ones.
#[derive(Debug, Args)]
pub(crate) struct Isolation {
    /// All endpoints; each gets an equal share of the events.
    #[arg(long, default_value_t = 100)]
    endpoints: usize,
    /// How many of them are bad, a run for each number beside one with none.
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
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How often each run is made, in turn with the others. What is told is the median.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
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

/// So many endpoints that are bad in some way; none to compare with.
type Setting = Option<(Way, usize)>;

/// Runs the measurement.
pub(crate) async fn run(isolation: Isolation, settings: Settings) -> anyhow::Result<()> {
    let servers = servers(settings).await?;
    println!(
        "{} endpoints, {} events/s of 1 KiB, {} s a run, the median of {}; from acceptance to arrival at the healthy ones",
        isolation.endpoints, isolation.per_second, isolation.seconds, isolation.rounds,
    );
    let settings = isolation.settings();
    // The first run on new servers pays for what they set up.
    isolation.trial(&servers, None).await?;
    let mut runs: Vec<Vec<Latency>> = vec![Vec::new(); settings.len()];
    for round in 1..=isolation.rounds {
        for (setting, runs) in settings.iter().zip(&mut runs) {
            let latency = isolation.trial(&servers, *setting).await?;
            eprintln!(
                "{}",
                latency.row(&format!("{round}: {}", name(*setting)), None)
            );
            runs.push(latency);
        }
    }
    let medians: Vec<_> = runs.iter().map(|runs| Latency::median(runs)).collect();
    let none = medians.first().context("there is always a run with none")?;
    println!("{}", head("bad endpoints"));
    let mut figures = Vec::new();
    for (setting, median) in settings.iter().zip(&medians) {
        let ratio = setting.and_then(|_| median.ratio(none));
        println!("{}", median.row(&name(*setting), ratio));
        figures.push(median.json(&name(*setting), ratio));
    }
    println!("{}", serde_json::Value::from(figures));
    servers.stop().await?;
    Ok(())
}

fn name(setting: Setting) -> String {
    setting.map_or_else(
        || "none".to_owned(),
        |(way, bad)| format!("{bad} {}", way.name()),
    )
}

impl Isolation {
    fn settings(&self) -> Vec<Setting> {
        let bad = self
            .ways
            .iter()
            .flat_map(|way| self.bad.iter().map(|bad| Some((*way, *bad))));
        std::iter::once(None).chain(bad).collect()
    }

    /// One run on an installation of its own, so that no retry of the last one reaches it.
    async fn trial(&self, servers: &Servers, setting: Setting) -> anyhow::Result<Latency> {
        let trial = Trial::on(servers).await?;
        let event_types = self.endpoints(&trial, setting).await?;
        let lasting = Duration::from_secs(self.seconds);
        let platform = &trial.platform;
        platform
            .steady(TENANT, &event_types, self.per_second, lasting / 3)
            .await?;
        let arrivals = trial
            .series(HEALTHY, TENANT, &event_types, self.per_second, lasting)
            .await?;
        Ok(Latency::of(&arrivals))
    }

    /// Makes the endpoints, each with an event type of its own; gives the types.
    async fn endpoints(&self, trial: &Trial, setting: Setting) -> anyhow::Result<Vec<String>> {
        let receiver = &trial.receiver;
        trial.platform.empty_tenant(TENANT).await?;
        let mut event_types = Vec::new();
        for number in 0..self.endpoints {
            let event_type = format!("bench.n{number}");
            let way = setting.and_then(|(way, bad)| (number < bad).then_some(way));
            let url = match way {
                None => receiver.timed(HEALTHY),
                Some(Way::Hang) => format!("{}/hang/{number}", receiver.url),
                Some(Way::Fail) => format!("{}/fail/{number}", receiver.url),
                Some(Way::Close) => format!("{}/{number}", receiver.closing_url),
            };
            let made = trial.platform.endpoint(TENANT, &url, &event_type, None);
            made.await?;
            event_types.push(event_type);
        }
        Ok(event_types)
    }
}
