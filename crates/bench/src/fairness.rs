//! What a tenant that publishes much at once costs one that publishes little: the latency of the
//! latter's events alone, and while the former's are worked off.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use clap::Args;
use time::OffsetDateTime;

use crate::latency::{Latency, head};
use crate::receiver::Arrival;
use crate::table::{millis, rate};
use crate::trial::{Settings, Trial, servers};

/// What a busy tenant costs a quiet one.
#[derive(Debug, Args)]
pub(crate) struct Fairness {
    /// Events that the busy tenant publishes at once.
    #[arg(long, default_value_t = 200_000)]
    flood: usize,
    /// Events of the quiet tenant a second.
    #[arg(long, default_value_t = 1)]
    per_second: u32,
    /// How long the quiet tenant is measured alone each time, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many floods. The quiet tenant is measured alone before the first and after each.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Batch requests of the busy tenant that are under way at once.
    #[arg(long, default_value_t = 4)]
    publishers: usize,
}

const QUIET: &str = "quiet";
const BUSY: &str = "busy";

/// What the first events of a tenant pay for is set up in this time.
const WARM_UP: Duration = Duration::from_secs(5);

/// How many of the slowest events are named one by one.
const SLOWEST: usize = 6;

/// How fast the busy tenant's events went.
struct Flood {
    began: OffsetDateTime,
    accepted: Duration,
    delivered: Duration,
}

/// Runs the measurement.
pub(crate) async fn run(fairness: Fairness, settings: Settings) -> anyhow::Result<()> {
    let servers = servers(settings).await?;
    let trial = Trial::on(&servers).await?;
    let (platform, receiver) = (&trial.platform, &trial.receiver);
    platform.empty_tenant(QUIET).await?;
    let quiet = receiver.timed(QUIET);
    platform.endpoint(QUIET, &quiet, "*", None).await?;
    platform.tenant(BUSY, 1, &receiver.url, &[5]).await?;
    platform.flood(BUSY, 1_000, 1024, 1).await?;
    receiver.reached(1_000).await?;

    fairness.quietly(&trial, WARM_UP).await?;
    let mut alone = fairness.alone(&trial).await?;
    let mut beside = Vec::new();
    for _ in 0..fairness.rounds {
        let (flood, quiet) = fairness.beside(&trial).await?;
        println!(
            "the busy tenant's {} events: accepted in {:.1} s, delivered in {:.1} s ({:.0}/s)",
            fairness.flood,
            flood.accepted.as_secs_f64(),
            flood.delivered.as_secs_f64(),
            rate(u64::try_from(fairness.flood)?, flood.delivered),
        );
        println!("the other's slowest: {}", slowest(&quiet, flood.began));
        beside.extend(quiet);
        alone.extend(fairness.alone(&trial).await?);
    }
    let (alone, beside) = (Latency::of(&alone), Latency::of(&beside));
    let ratio = beside.ratio(&alone);
    println!("{}", head("the quiet tenant"));
    println!("{}", alone.row("alone", None));
    println!("{}", beside.row("beside the busy one", ratio));
    let figures = vec![alone.json("alone", None), beside.json("beside", ratio)];
    println!("{}", serde_json::Value::from(figures));
    drop(trial);
    servers.stop().await?;
    Ok(())
}

impl Fairness {
    async fn alone(&self, trial: &Trial) -> anyhow::Result<Vec<Arrival>> {
        trial.receiver.settled(QUIET).await?;
        let lasting = Duration::from_secs(self.seconds);
        trial
            .series(QUIET, QUIET, &quiet_types(), self.per_second, lasting)
            .await
    }

    /// The quiet tenant publishes until the busy one's events are all delivered.
    async fn beside(&self, trial: &Trial) -> anyhow::Result<(Flood, Vec<Arrival>)> {
        trial.receiver.forget(QUIET).await?;
        let flood = {
            let busy = self.flood(trial);
            tokio::pin!(busy);
            loop {
                let quietly = self.quietly(trial, Duration::from_secs(10));
                tokio::select! {
                    ended = &mut busy => break ended?,
                    published = quietly => published?,
                }
            }
        };
        trial.receiver.settled(QUIET).await?;
        let quiet = trial.receiver.series(QUIET).await?;
        Ok((flood, quiet))
    }

    async fn flood(&self, trial: &Trial) -> anyhow::Result<Flood> {
        let all = trial.receiver.count().await? + u64::try_from(self.flood)?;
        let (began, now) = (OffsetDateTime::now_utc(), Instant::now());
        let platform = &trial.platform;
        let accepted = platform.flood(BUSY, self.flood, 1024, self.publishers);
        let accepted = accepted.await?.took;
        trial.receiver.reached(all).await?;
        Ok(Flood {
            began,
            accepted,
            delivered: now.elapsed(),
        })
    }

    async fn quietly(&self, trial: &Trial, lasting: Duration) -> anyhow::Result<()> {
        let platform = &trial.platform;
        platform
            .steady(QUIET, &quiet_types(), self.per_second, lasting)
            .await
    }
}

fn quiet_types() -> [String; 1] {
    ["user.created".to_owned()]
}

/// The slowest of them, and when they were accepted.
fn slowest(arrivals: &[Arrival], since: OffsetDateTime) -> String {
    let since_us = since.unix_timestamp_nanos() / 1_000;
    let mut sorted = arrivals.to_vec();
    sorted.sort_unstable_by_key(|one| Reverse(one.latency_us));
    let named = sorted.iter().take(SLOWEST).map(|one| {
        let latency = millis(Some(Duration::from_micros(one.latency_us)));
        let accepted_us = i128::from(one.at_us) - i128::from(one.latency_us) - since_us;
        format!("{latency} at {:.1} s", accepted_us as f64 / 1e6)
    });
    named.collect::<Vec<_>>().join(", ")
}
