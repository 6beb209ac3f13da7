//! Events accepted and deliveries made a second; CPU and memory by process.

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use sandbox::{Options, Servers};
use serde_json::json;
use testkit::Cluster;
use testkit::cluster::Role;
use testkit::usage::{Usage, usage};

use crate::platform::Load;
use crate::receiver::Receiver;
use crate::table::{millis, quantile, rate};
use crate::trial::Trial;

/// Events accepted and deliveries made a second, CPU and memory by process.
#[derive(Debug, Args)]
pub(crate) struct Throughput {
    /// Events per run at fan-out 1; at a fan-out of n, an nth of it.
    #[arg(long, default_value_t = 50_000)]
    events: usize,
    /// The payload of an event, in bytes.
    #[arg(long, default_value_t = 1024)]
    payload_bytes: usize,
    /// How many requests are under way at once.
    #[arg(long, default_value_t = 64)]
    publishers: usize,
    /// The endpoints of each event, one run for each number.
    #[arg(long, value_delimiter = ',', default_value = "1,10")]
    fan_out: Vec<usize>,
}

/// Runs the measurement.
pub(crate) async fn run(throughput: Throughput) -> anyhow::Result<()> {
    let servers = Servers::start(Options::ephemeral()).await?;
    let trial = Trial::on(&servers).await?;
    let (platform, receiver) = (&trial.platform, &trial.receiver);
    platform.tenant("warm-up", 1, &receiver.url, &[5]).await?;
    platform
        .publish(
            "warm-up",
            2_000,
            throughput.payload_bytes,
            throughput.publishers,
        )
        .await?;
    receiver.reached(2_000).await?;
    for fan_out in &throughput.fan_out {
        let tenant = format!("fan-out-{fan_out}");
        platform
            .tenant(&tenant, *fan_out, &receiver.url, &[5])
            .await?;
        let events = (throughput.events / fan_out).max(1);
        let before = Meter::read(&trial.cluster, &servers, receiver)?;
        let earlier = receiver.count().await?;
        let deliveries = u64::try_from(events * fan_out)?;
        let began = Instant::now();
        let load = platform
            .publish(
                &tenant,
                events,
                throughput.payload_bytes,
                throughput.publishers,
            )
            .await?;
        receiver.reached(earlier + deliveries).await?;
        let took = began.elapsed();
        let after = Meter::read(&trial.cluster, &servers, receiver)?;
        report(*fan_out, events, &load, deliveries, took, &before, &after)?;
    }
    drop(trial);
    servers.stop().await?;
    Ok(())
}

/// What every process has used.
struct Meter(Vec<(&'static str, Usage)>);

impl Meter {
    fn read(cluster: &Cluster, servers: &Servers, receiver: &Receiver) -> anyhow::Result<Self> {
        let mut used: Vec<_> = Role::ALL
            .into_iter()
            .map(|role| (role.name(), cluster.usage(role)))
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
        used.push(("receiver", usage(receiver.pid()?)));
        used.push(("load", usage(std::process::id())));
        Ok(Self(used))
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

fn report(
    fan_out: usize,
    events: usize,
    load: &Load,
    deliveries: u64,
    took: Duration,
    before: &Meter,
    after: &Meter,
) -> anyhow::Result<()> {
    let accepted = rate(u64::try_from(events)?, load.took);
    let delivered = rate(deliveries, took);
    println!("\nfan-out {fan_out}: {events} events, {deliveries} deliveries");
    println!(
        "  accepted   {accepted:>9.0} events/s   202 after p50 {}, p99 {}",
        millis(quantile(&load.answers, 0.5)),
        millis(quantile(&load.answers, 0.99)),
    );
    println!("  delivered  {delivered:>9.0} deliveries/s");
    println!(
        "  {:10} {:>24} {:>12}",
        "process", "CPU s/10,000 deliveries", "peak MiB"
    );
    let mut processes = serde_json::Map::new();
    for ((name, before), (_, after)) in before.0.iter().zip(&after.0) {
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() * 10_000.0
            / rate(deliveries, Duration::from_secs(1));
        let mib = after.peak_bytes / (1024 * 1024);
        println!("  {name:10} {cpu:>24.2} {mib:>12}");
        processes.insert(
            (*name).to_owned(),
            json!({"cpu_s_per_10k": cpu, "peak_mib": mib}),
        );
    }
    let figures = json!({
        "fan_out": fan_out,
        "events_accepted_per_s": accepted,
        "deliveries_per_s": delivered,
        "processes": processes,
    });
    println!("  {figures}");
    Ok(())
}
