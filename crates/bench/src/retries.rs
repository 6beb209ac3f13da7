//! How well the retry tiers keep their times: a receiver that answers 404 to everything writes
//! down when each attempt came. A 500 would open its circuit breaker, which puts attempts off.

use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;

use crate::receiver::Receiver;
use crate::table::quantile;
use crate::trial::{Settings, Trial, servers};

/// How well the retry tiers keep their times.
#[derive(Debug, Args)]
pub(crate) struct Retries {
    /// How many events fail.
    #[arg(long, default_value_t = 500)]
    events: usize,
    /// The waits between their attempts, in seconds.
    #[arg(long, value_delimiter = ',', default_value = "1,2,5,10,30,60")]
    waits: Vec<u64>,
}

/// The jitter adds up to a tenth to each wait.
const JITTER: f64 = 1.1;

/// Runs the measurement.
pub(crate) async fn run(retries: Retries, settings: Settings) -> anyhow::Result<()> {
    let servers = servers(settings).await?;
    let trial = Trial::on(&servers).await?;
    let (platform, receiver) = (&trial.platform, &trial.receiver);
    receiver.answer_with(404).await?;
    platform
        .tenant("retries", 1, &receiver.url, &retries.waits)
        .await?;
    platform
        .publish("retries", retries.events, 1024, 16)
        .await?;
    let attempts = (retries.waits.len() + 1) * retries.events;
    wait_for(receiver, attempts, &retries.waits).await?;
    report(receiver, &retries).await?;
    drop(trial);
    servers.stop().await?;
    Ok(())
}

async fn wait_for(receiver: &Receiver, attempts: usize, waits: &[u64]) -> anyhow::Result<()> {
    let longest = Duration::from_secs(waits.iter().sum()).mul_f64(JITTER);
    let deadline = Instant::now() + longest + Duration::from_secs(60);
    loop {
        let count = receiver.count().await?;
        println!("{count} of {attempts} attempts");
        if count >= u64::try_from(attempts)? {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the attempts did not all come in time");
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

async fn report(receiver: &Receiver, retries: &Retries) -> anyhow::Result<()> {
    let arrivals = receiver.arrivals().await?;
    println!(
        "\n{} events; late: beyond the wait and its jitter of a tenth",
        arrivals.len()
    );
    println!(
        "{:>8} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "wait", "early max", "late p50", "late p99", "late max", "attempts"
    );
    for (number, wait) in retries.waits.iter().enumerate() {
        let gaps = arrivals.values().filter_map(|times| {
            Some(Duration::from_millis(
                times.get(number + 1)?.checked_sub(*times.get(number)?)?,
            ))
        });
        let wait = Duration::from_secs(*wait);
        let gaps: Vec<Duration> = gaps.collect();
        let early = gaps
            .iter()
            .map(|gap| wait.saturating_sub(*gap))
            .max()
            .unwrap_or_default();
        let mut late: Vec<Duration> = gaps
            .iter()
            .map(|gap| gap.saturating_sub(wait.mul_f64(JITTER)))
            .collect();
        late.sort_unstable();
        let seconds = |one: Option<Duration>| one.unwrap_or_default().as_secs_f64();
        println!(
            "{:>6} s {:>8.3} s {:>8.3} s {:>8.3} s {:>8.3} s {:>10}",
            wait.as_secs(),
            early.as_secs_f64(),
            seconds(quantile(&late, 0.5)),
            seconds(quantile(&late, 0.99)),
            seconds(late.last().copied()),
            late.len(),
        );
    }
    Ok(())
}
