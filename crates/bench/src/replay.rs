//! What a bulk replay costs live deliveries, and how well it holds its rate.

use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::latency::{Latency, head};
use crate::receiver::Arrival;
use crate::trial::{Settings, Trial, servers};

/// What a bulk replay costs live deliveries.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Dead letters that are replayed.
    #[arg(long, default_value_t = 20_000)]
    letters: u32,
    /// Deliveries a second of the replay.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Live events a second, to another endpoint.
    #[arg(long, default_value_t = 200)]
    per_second: u32,
}

const LIVE: &str = "live";
const REPLAYED: &str = "replayed";

/// What the first events of a tenant pay for is set up in this time.
const WARM_UP: Duration = Duration::from_secs(5);

/// How long the record may take to have all that was delivered, or the replay to end when it is
/// due.
const PATIENCE: Duration = Duration::from_secs(120);

/// In which the rate is looked at.
const WINDOW_US: u64 = 1_000_000;

/// Runs the measurement.
pub(crate) async fn run(replay: Replay, settings: Settings) -> anyhow::Result<()> {
    let servers = servers(settings).await?;
    let trial = Trial::on(&servers).await?;
    replay.dead_letters(&trial).await?;
    let live = trial.receiver.timed(LIVE);
    trial.platform.empty_tenant(LIVE).await?;
    trial.platform.endpoint(LIVE, &live, "*", None).await?;
    replay.live(&trial, WARM_UP).await?;

    let alone = replay.live(&trial, replay.takes()).await?;
    let (beside, held) = replay.beside(&trial).await?;

    println!("{}", held.row(replay.rate));
    let ratio = beside.ratio(&alone);
    println!("{}", head("live deliveries"));
    println!("{}", alone.row("alone", None));
    println!("{}", beside.row("beside the replay", ratio));
    let figures = vec![
        held.json(replay.rate),
        alone.json("alone", None),
        beside.json("beside", ratio),
    ];
    println!("{}", Value::from(figures));
    drop(trial);
    servers.stop().await?;
    Ok(())
}

impl Replay {
    /// How long the replay takes at its rate.
    fn takes(&self) -> Duration {
        Duration::from_secs(1) * self.letters / self.rate
    }

    /// Published and delivered the whole way, and then given up on record.
    async fn dead_letters(&self, trial: &Trial) -> anyhow::Result<()> {
        let (platform, receiver) = (&trial.platform, &trial.receiver);
        platform.empty_tenant(REPLAYED).await?;
        let url = receiver.timed(REPLAYED);
        let endpoint = platform.endpoint(REPLAYED, &url, "*", None).await?;
        let letters = usize::try_from(self.letters)?;
        platform.flood(REPLAYED, letters, 1024, 4).await?;
        let everything = json!({
            "everything": {"endpoint": endpoint, "since": "2020-01-01T00:00:00Z"},
            "dry_run": true,
        });
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = platform.call(REPLAYS, &everything).await?;
            if told["count"] == self.letters {
                break;
            }
            ensure!(Instant::now() < deadline, "not all on record: {told}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        trial.stack.give_up_deliveries().await;
        receiver.forget(REPLAYED).await
    }

    /// Live events for so long; what is late counts too.
    async fn live(&self, trial: &Trial, lasting: Duration) -> anyhow::Result<Latency> {
        let types = ["user.created".to_owned()];
        let arrivals = trial
            .series(LIVE, LIVE, &types, self.per_second, lasting)
            .await?;
        Ok(Latency::of(&arrivals))
    }

    async fn beside(&self, trial: &Trial) -> anyhow::Result<(Latency, Held)> {
        let body = json!({"failed": {}, "rate": self.rate});
        let made = trial.platform.call(REPLAYS, &body).await?;
        let id = made["id"].as_str().context("a replay has an id")?;
        let live = self.live(trial, self.takes()).await?;
        let path = format!("{REPLAYS}/{id}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = trial.platform.get(&path).await?;
            if seen["deliveries"]["delivered"] == self.letters {
                break;
            }
            ensure!(Instant::now() < deadline, "not all replayed: {seen}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let arrivals = trial.receiver.series(REPLAYED).await?;
        Ok((live, Held::of(&arrivals).context("nothing was replayed")?))
    }
}

const REPLAYS: &str = "/v1/tenants/replayed/replays";

/// The rate at which deliveries arrived.
struct Held {
    arrivals: usize,
    per_second: f64,
    /// How many in each whole second.
    windows: Vec<u32>,
}

impl Held {
    fn of(arrivals: &[Arrival]) -> Option<Self> {
        let mut times: Vec<u64> = arrivals.iter().map(|one| one.at_us).collect();
        times.sort_unstable();
        let (first, last) = (*times.first()?, *times.last()?);
        let mut windows = vec![0; usize::try_from((last - first) / WINDOW_US).ok()? + 1];
        for at in &times {
            windows[usize::try_from((at - first) / WINDOW_US).ok()?] += 1;
        }
        // The last is not a whole one.
        windows.pop();
        let took = Duration::from_micros(last - first);
        let gaps = u64::try_from(times.len() - 1).ok()?;
        Some(Self {
            arrivals: times.len(),
            per_second: crate::table::rate(gaps, took),
            windows,
        })
    }

    fn share(&self, set: u32) -> f64 {
        self.per_second / f64::from(set)
    }

    fn extremes(&self, set: u32) -> Option<(f64, f64)> {
        let share = |count: &u32| f64::from(*count) / f64::from(set);
        let (least, most) = (self.windows.iter().min()?, self.windows.iter().max()?);
        Some((share(least), share(most)))
    }

    fn row(&self, set: u32) -> String {
        let extremes = self.extremes(set);
        let window = extremes.map_or_else(String::new, |(least, most)| {
            format!("; in single seconds {least:.2} to {most:.2}")
        });
        format!(
            "{} replayed at {set}/s: {:.1}/s arrived, {:.3} of the rate{window}",
            self.arrivals,
            self.per_second,
            self.share(set),
        )
    }

    fn json(&self, set: u32) -> Value {
        let extremes = self.extremes(set);
        json!({
            "run": "rate",
            "arrivals": self.arrivals,
            "set_per_second": set,
            "held_per_second": self.per_second,
            "share": self.share(set),
            "least_share_in_a_second": extremes.map(|(least, _)| least),
            "most_share_in_a_second": extremes.map(|(_, most)| most),
            "arrivals_by_second": self.windows,
        })
    }
}
