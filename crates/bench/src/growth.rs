//! What a large record costs: the throughput of a tenant beside which there are 100,000 endpoints
//! and 10 million attempts, and of one that is alone on an empty system.

use std::fmt;

use clap::Args;
use serde_json::{Value, json};

use crate::filled::Sizes;
use crate::table::quantile;
use crate::throughput::{Done, Throughput};
use crate::trial::{Settings, Trial, servers};

/// What a large record costs throughput.
#[derive(Debug, Args)]
pub(crate) struct Growth {
    #[command(flatten)]
    sizes: Sizes,
    /// How often the large system is measured, and the empty one before and after it.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    throughput: Throughput,
}

/// Runs the measurement.
pub(crate) async fn run(growth: Growth, settings: Settings) -> anyhow::Result<()> {
    let servers = servers(settings).await?;
    let before = growth.measure(Trial::on(&servers).await?).await?;
    let large = Trial::filled(&servers, growth.sizes).await?;
    let large = growth.measure(large).await?;
    let after = growth.measure(Trial::on(&servers).await?).await?;
    println!("{}", head());
    let mut figures = Vec::new();
    for (((fan_out, mut empty), (_, large)), (_, after)) in before.into_iter().zip(large).zip(after)
    {
        empty.extend(after);
        let grown = Grown {
            fan_out,
            empty: Rates::median(&empty),
            large: Rates::median(&large),
        };
        println!("{grown}");
        figures.push(grown.json());
    }
    println!("{}", Value::from(figures));
    servers.stop().await?;
    Ok(())
}

impl Growth {
    /// What is done at each fan-out, as often as there are rounds.
    async fn measure(&self, trial: Trial) -> anyhow::Result<Vec<(usize, Vec<Done>)>> {
        let mut all = Vec::new();
        for fan_out in &self.throughput.fan_out {
            let tenant = format!("fan-out-{fan_out}");
            let url = &trial.receiver.url;
            trial.platform.tenant(&tenant, *fan_out, url, &[5]).await?;
            self.throughput.warm_up(&trial, &tenant, *fan_out).await?;
            let mut done = Vec::new();
            for _ in 0..self.rounds {
                done.push(self.throughput.publish(&trial, &tenant, *fan_out).await?);
            }
            all.push((*fan_out, done));
        }
        Ok(all)
    }
}

/// Events accepted and deliveries made a second.
#[derive(Debug, Clone, Copy)]
struct Rates {
    accepted: f64,
    delivered: f64,
}

impl Rates {
    fn median(runs: &[Done]) -> Self {
        let median = |of: fn(&Done) -> f64| {
            let mut all: Vec<f64> = runs.iter().map(of).collect();
            all.sort_unstable_by(f64::total_cmp);
            quantile(&all, 0.5).unwrap_or_default()
        };
        Self {
            accepted: median(Done::accepted),
            delivered: median(Done::delivered),
        }
    }
}

/// What is done by an empty system and by a large one.
struct Grown {
    fan_out: usize,
    empty: Rates,
    large: Rates,
}

fn head() -> String {
    format!(
        "{:8} {:>16} {:>16} {:>6} {:>18} {:>18} {:>6}",
        "fan-out",
        "accepted, empty",
        "accepted, large",
        "×",
        "delivered, empty",
        "delivered, large",
        "×"
    )
}

impl Grown {
    fn ratios(&self) -> Rates {
        Rates {
            accepted: self.large.accepted / self.empty.accepted,
            delivered: self.large.delivered / self.empty.delivered,
        }
    }

    fn json(&self) -> Value {
        let rates =
            |rates: Rates| json!({"accepted": rates.accepted, "delivered": rates.delivered});
        json!({
            "fan_out": self.fan_out,
            "empty_per_s": rates(self.empty),
            "large_per_s": rates(self.large),
            "ratio": rates(self.ratios()),
        })
    }
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (empty, large, ratios) = (self.empty, self.large, self.ratios());
        write!(
            f,
            "{:<8} {:>16.0} {:>16.0} {:>6.2} {:>18.0} {:>18.0} {:>6.2}",
            self.fan_out,
            empty.accepted,
            large.accepted,
            ratios.accepted,
            empty.delivered,
            large.delivered,
            ratios.delivered
        )
    }
}
