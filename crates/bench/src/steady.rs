//! How long events take from sending to arrival at a rate that leaves room.

use std::time::Duration;

use clap::Args;

use crate::latency::{Latency, head};
use crate::trial::{Settings, Trial, servers};

/// How long events take at steady rates.
#[derive(Debug, Args)]
pub(crate) struct Steady {
    /// Single events a second in an open loop, one run for each rate.
    #[arg(long, value_delimiter = ',', default_value = "100")]
    per_second: Vec<u32>,
    /// How long each run is measured, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

const TENANT: &str = "steady";

/// What the first events of a tenant pay for is set up in this time.
const WARM_UP: Duration = Duration::from_secs(5);

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
    println!("{}", head("events of 1 KiB"));
    let mut figures = Vec::new();
    for per_second in &steady.per_second {
        platform
            .steady(TENANT, &types, *per_second, WARM_UP)
            .await?;
        receiver.settled(TENANT).await?;
        let arrivals = trial
            .series(TENANT, TENANT, &types, *per_second, lasting)
            .await?;
        for (from, latency) in [
            ("sending", Latency::since_sent(&arrivals)),
            ("acceptance", Latency::of(&arrivals)),
        ] {
            let name = format!("{per_second}/s, from {from}");
            println!("{}", latency.row(&name, None));
            figures.push(latency.json(&name, None));
        }
    }
    println!("{}", serde_json::Value::from(figures));
    drop(trial);
    servers.stop().await?;
    Ok(())
}
