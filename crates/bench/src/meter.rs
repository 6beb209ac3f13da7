//! What each process uses while something is done.

use std::time::Duration;

use anyhow::Context;
use sandbox::Servers;
use serde_json::{Map, Value, json};
use testkit::cluster::Role;
use testkit::usage::{Usage, usage};

use crate::table::rate;
use crate::trial::Trial;

/// What every process has used since it was started.
pub(crate) struct Meter(Vec<(&'static str, Usage)>);

impl Meter {
    pub(crate) fn read(trial: &Trial, servers: &Servers) -> anyhow::Result<Self> {
        let mut used: Vec<_> = Role::ALL
            .into_iter()
            .map(|role| (role.name(), trial.cluster.usage(role)))
            .collect();
        let broker = servers.broker().process().context("the broker runs")?;
        let postgres = servers.postgres().process().context("Postgres runs")?;
        used.push((
            "broker",
            sum(broker.tree().into_iter().map(|one| one.pid())),
        ));
        used.push((
            "postgres",
            sum(postgres.tree().into_iter().map(|one| one.pid())),
        ));
        used.push(("receiver", usage(trial.receiver.pid()?)));
        used.push(("load", usage(std::process::id())));
        Ok(Self(used))
    }

    /// Prints what each process used since the earlier reading for so many of `what`, and the most
    /// memory that it has had. Gives the same as JSON.
    pub(crate) fn told_since(&self, earlier: &Self, count: u64, what: &str) -> Value {
        let per = format!("CPU s/10,000 {what}");
        println!("  {:10} {per:>24} {:>12}", "process", "peak MiB");
        let mut processes = Map::new();
        for ((name, before), (_, after)) in earlier.0.iter().zip(&self.0) {
            let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() * 10_000.0
                / rate(count, Duration::from_secs(1));
            let mib = after.peak_bytes / (1024 * 1024);
            println!("  {name:10} {cpu:>24.2} {mib:>12}");
            let used = json!({"cpu_s_per_10k": cpu, "peak_mib": mib});
            processes.insert((*name).to_owned(), used);
        }
        Value::from(processes)
    }
}

fn sum(pids: impl Iterator<Item = u32>) -> Usage {
    let zero = Usage {
        cpu: Duration::ZERO,
        peak_bytes: 0,
    };
    pids.map(usage).fold(zero, |sum, one| Usage {
        cpu: sum.cpu + one.cpu,
        peak_bytes: sum.peak_bytes + one.peak_bytes,
    })
}
