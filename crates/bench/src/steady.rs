//! How long events take from sending to arrival at a rate that leaves room.

use std::time::Duration;

use clap::Args;

use crate::latency::{Latency, head};
use crate::limits::waits::Pace;
use crate::platform::{PAYLOAD_BYTES, http};
use crate::table::rate;
use crate::trial::{Settings, Trial, servers};

/// How long events take at steady rates.
#[derive(Debug, Args)]
pub(crate) struct Steady {
    /// Single events a second in an open loop, one run for each rate.
    #[arg(long, value_delimiter = ',', default_value = "100")]
    per_second: Vec<u32>,
    /// And at this part of what it accepts at most, in hundredths.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=90))]
    of_saturation: u32,
    /// How long each run is measured, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

const TENANT: &str = "steady";

/// What the first events of a tenant pay for is set up in this time.
const WARM_UP: Duration = Duration::from_secs(5);

/// How many events say what is accepted at most, and how many requests are under way then.
const SATURATING: usize = 20_000;
const PUBLISHERS: usize = 64;

/// Runs the measurement.
pub(crate) async fn run(steady: Steady, settings: Settings) -> anyhow::Result<()> {
    let servers = servers(settings).await?;
    let trial = Trial::on(&servers).await?;
    let (platform, receiver) = (&trial.platform, &trial.receiver);
    platform.empty_tenant(TENANT).await?;
    let url = receiver.timed(TENANT);
    platform.endpoint(TENANT, &url, "*", None).await?;
    let types = ["shipment.created".to_owned()];
    let lasting = Duration::from_secs(steady.seconds);
    let most = steady.saturation(&trial).await?;
    println!(
        "accepted at most {most:.0} events/s\n{}",
        head("events of 1 KiB")
    );
    let mut figures = Vec::new();
    for per_second in steady
        .per_second
        .iter()
        .copied()
        .chain([steady.part_of(most)])
    {
        platform.steady(TENANT, &types, per_second, WARM_UP).await?;
        receiver.settled(TENANT).await?;
        let arrivals = trial
            .series(TENANT, TENANT, &types, per_second, lasting)
            .await?;
        let pace = Pace {
            per_second,
            lasting,
            payload_bytes: PAYLOAD_BYTES,
        };
        for (what, latency) in [
            ("from sending", Latency::since_sent(&arrivals)),
            ("from acceptance", Latency::of(&arrivals)),
            ("two queues alone", pace.queues(&servers).await?),
            ("a row alone", pace.record(&servers).await?),
            ("a request alone", pace.request(http()?, receiver).await?),
        ] {
            let name = format!("{per_second}/s, {what}");
            println!("{}", latency.row(&name, None));
            figures.push(latency.json(&name, None));
        }
    }
    println!("{}", serde_json::Value::from(figures));
    drop(trial);
    servers.stop().await?;
    Ok(())
}

impl Steady {
    /// How many events a second are accepted in a closed loop. Returns when all have arrived.
    async fn saturation(&self, trial: &Trial) -> anyhow::Result<f64> {
        let load = trial
            .platform
            .publish(TENANT, SATURATING, PAYLOAD_BYTES, PUBLISHERS)
            .await?;
        trial.receiver.settled(TENANT).await?;
        Ok(rate(u64::try_from(SATURATING)?, load.took))
    }

    fn part_of(&self, most: f64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what a machine accepts a second is far below 2^32"
        )]
        let part = (most * f64::from(self.of_saturation) / 100.0) as u32;
        part.max(1)
    }
}
