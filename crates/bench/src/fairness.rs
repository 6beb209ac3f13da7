//! What a tenant that publishes much at once costs one that publishes little: the latency of the
//! latter's events alone, and while the former's are worked off.

use std::time::{Duration, Instant};

use clap::Args;
use sandbox::{Options, Servers};

use crate::latency::{Latency, head};
use crate::table::rate;
use crate::trial::Trial;

/// What a busy tenant costs a quiet one.
#[derive(Debug, Args)]
pub(crate) struct Fairness {
    /// Events that the busy tenant publishes at once.
    #[arg(long, default_value_t = 200_000)]
    flood: usize,
    /// Events of the quiet tenant a second.
    #[arg(long, default_value_t = 1)]
    per_second: u32,
    /// How long the quiet tenant is measured alone, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Batch requests of the busy tenant that are under way at once.
    #[arg(long, default_value_t = 4)]
    publishers: usize,
}

const QUIET: &str = "quiet";
const BUSY: &str = "busy";

/// What the first events of a tenant pay for is set up in this time.
const WARM_UP: Duration = Duration::from_secs(5);

/// How fast the busy tenant's events went.
struct Flood {
    accepted: Duration,
    delivered: Duration,
}

/// Runs the measurement.
pub(crate) async fn run(fairness: Fairness) -> anyhow::Result<()> {
    let servers = Servers::start(Options::ephemeral()).await?;
    let trial = Trial::on(&servers).await?;
    let (platform, receiver) = (&trial.platform, &trial.receiver);
    platform.empty_tenant(QUIET).await?;
    let quiet = receiver.timed(QUIET);
    platform.endpoint(QUIET, &quiet, "*", None).await?;
    platform.tenant(BUSY, 1, &receiver.url, &[5]).await?;
    platform.flood(BUSY, 1_000, 1024, 1).await?;
    receiver.reached(1_000).await?;

    fairness.quietly(&trial, WARM_UP).await?;
    let alone = fairness.alone(&trial).await?;
    let (flood, beside) = fairness.beside(&trial).await?;

    println!(
        "the busy tenant's {} events: accepted in {:.1} s, delivered in {:.1} s ({:.0}/s)",
        fairness.flood,
        flood.accepted.as_secs_f64(),
        flood.delivered.as_secs_f64(),
        rate(u64::try_from(fairness.flood)?, flood.delivered),
    );
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
    async fn alone(&self, trial: &Trial) -> anyhow::Result<Latency> {
        trial.receiver.settled(QUIET).await?;
        trial.receiver.forget(QUIET).await?;
        let lasting = Duration::from_secs(self.seconds);
        self.quietly(trial, lasting).await?;
        trial.receiver.settled(QUIET).await?;
        Ok(Latency::of(&trial.receiver.series(QUIET).await?))
    }

    /// The quiet tenant publishes until the busy one's events are all delivered.
    async fn beside(&self, trial: &Trial) -> anyhow::Result<(Flood, Latency)> {
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
        Ok((flood, Latency::of(&quiet)))
    }

    async fn flood(&self, trial: &Trial) -> anyhow::Result<Flood> {
        let all = trial.receiver.count().await? + u64::try_from(self.flood)?;
        let began = Instant::now();
        let platform = &trial.platform;
        let accepted = platform.flood(BUSY, self.flood, 1024, self.publishers);
        let accepted = accepted.await?;
        trial.receiver.reached(all).await?;
        Ok(Flood {
            accepted,
            delivered: began.elapsed(),
        })
    }

    async fn quietly(&self, trial: &Trial, lasting: Duration) -> anyhow::Result<()> {
        let types = ["user.created".to_owned()];
        let platform = &trial.platform;
        platform
            .steady(QUIET, &types, self.per_second, lasting)
            .await
    }
}
