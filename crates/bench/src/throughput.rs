//! Events accepted and deliveries made a second; CPU and memory by process.

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use sandbox::Servers;
use serde_json::json;
use testkit::Cluster;
use testkit::cluster::Role;
use testkit::usage::{Usage, usage};

use crate::limits::{self, Work};
use crate::load::Load;
use crate::platform::http;
use crate::receiver::Receiver;
use crate::table::{millis, quantile, rate};
use crate::trial::{Settings, Trial, servers};

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
    #[arg(long, value_delimiter = ',', default_value = "1,10,100")]
    pub(crate) fan_out: Vec<usize>,
}

/// Deliveries before each run.
const WARM_UP_DELIVERIES: usize = 2_000;

/// After this long without events, a tenant is nobody whom others give way to.
const FORGOTTEN: Duration = Duration::from_secs(11);

/// Runs the measurement.
pub(crate) async fn run(throughput: Throughput, settings: Settings) -> anyhow::Result<()> {
    let servers = servers(settings).await?;
    let trial = Trial::on(&servers).await?;
    let (platform, receiver) = (&trial.platform, &trial.receiver);
    let mut bare_before = throughput.bare(receiver).await?;
    for fan_out in &throughput.fan_out {
        let tenant = format!("fan-out-{fan_out}");
        platform
            .tenant(&tenant, *fan_out, &receiver.url, &[5])
            .await?;
        let work = Work {
            deliveries: throughput.events,
            fan_out: *fan_out,
            payload_bytes: throughput.payload_bytes,
        };
        let broker = limits::broker::rate_of(&servers, work).await?;
        let postgres = limits::postgres::rate_of(&servers, work).await?;
        throughput.warm_up(&trial, &tenant, *fan_out).await?;
        let before = Meter::read(&trial.cluster, &servers, receiver)?;
        let done = throughput.publish(&trial, &tenant, *fan_out).await?;
        let after = Meter::read(&trial.cluster, &servers, receiver)?;
        let bare_after = throughput.bare(receiver).await?;
        Run {
            fan_out: *fan_out,
            done,
            bare: f64::midpoint(bare_before, bare_after),
            broker,
            postgres,
        }
        .report(&before, &after);
        bare_before = bare_after;
    }
    drop(trial);
    servers.stop().await?;
    Ok(())
}

impl Throughput {
    /// How many requests a second the same client makes of the same receiver with nothing between
    /// them: the limit of what can be delivered, and of what a server can answer.
    pub(crate) async fn bare(&self, receiver: &Receiver) -> anyhow::Result<f64> {
        let (requests, bytes) = (self.events, self.payload_bytes);
        let load = limits::http::post(&http()?, receiver, requests, bytes, self.publishers).await?;
        Ok(rate(u64::try_from(requests)?, load.took))
    }

    /// Makes the connections of this tenant's deliveries, and waits until it is the only one: above
    /// its share it would give way to the others.
    pub(crate) async fn warm_up(
        &self,
        trial: &Trial,
        tenant: &str,
        fan_out: usize,
    ) -> anyhow::Result<()> {
        let earlier = trial.receiver.count().await?;
        let events = (WARM_UP_DELIVERIES / fan_out).max(1);
        trial
            .platform
            .publish(tenant, events, self.payload_bytes, self.publishers)
            .await?;
        let deliveries = u64::try_from(events * fan_out)?;
        trial.receiver.reached(earlier + deliveries).await?;
        tokio::time::sleep(FORGOTTEN).await;
        Ok(())
    }

    /// Publishes the events of a tenant and waits until all of their deliveries have arrived.
    pub(crate) async fn publish(
        &self,
        trial: &Trial,
        tenant: &str,
        fan_out: usize,
    ) -> anyhow::Result<Done> {
        let (platform, receiver) = (&trial.platform, &trial.receiver);
        let events = (self.events / fan_out).max(1);
        let deliveries = u64::try_from(events * fan_out)?;
        let earlier = receiver.count().await?;
        let began = Instant::now();
        let load = platform
            .publish(tenant, events, self.payload_bytes, self.publishers)
            .await?;
        receiver.reached(earlier + deliveries).await?;
        Ok(Done {
            events: u64::try_from(events)?,
            deliveries,
            load,
            took: began.elapsed(),
        })
    }
}

/// What was accepted and delivered.
pub(crate) struct Done {
    events: u64,
    deliveries: u64,
    load: Load,
    /// Until everything had arrived.
    took: Duration,
}

impl Done {
    /// Events accepted a second.
    pub(crate) fn accepted(&self) -> f64 {
        rate(self.events, self.load.took)
    }

    /// Deliveries made a second.
    pub(crate) fn delivered(&self) -> f64 {
        rate(self.deliveries, self.took)
    }
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
        resident_bytes: 0,
    };
    pids.map(usage).fold(zero, |sum, one| Usage {
        cpu: sum.cpu + one.cpu,
        peak_bytes: sum.peak_bytes + one.peak_bytes,
        resident_bytes: sum.resident_bytes + one.resident_bytes,
    })
}

/// What was measured at one fan-out.
struct Run {
    fan_out: usize,
    done: Done,
    /// Requests a second of the bare client, before and after.
    bare: f64,
    /// Deliveries a second of the broker alone.
    broker: f64,
    /// Deliveries a second of the record alone.
    postgres: f64,
}

impl Run {
    fn report(&self, before: &Meter, after: &Meter) {
        let Self {
            fan_out,
            done,
            bare,
            broker,
            postgres,
        } = self;
        let Done {
            events, deliveries, ..
        } = done;
        let (accepted, delivered) = (done.accepted(), done.delivered());
        println!("\nfan-out {fan_out}: {events} events, {deliveries} deliveries");
        println!(
            "  accepted  {accepted:>9.0} events/s; 202 after p50 {}, p99 {}",
            millis(quantile(&done.load.answers, 0.5)),
            millis(quantile(&done.load.answers, 0.99)),
        );
        println!("  delivered {delivered:>9.0} deliveries/s");
        println!(
            "  {:32} {:>9} {:>12} {:>12}",
            "alone on this machine", "a second", "accepted of", "delivered of"
        );
        for (name, limit) in [
            ("HTTP: the bare client, requests", bare),
            ("RabbitMQ: three hops, deliveries", broker),
            ("Postgres: its rows, deliveries", postgres),
        ] {
            let (accepted, delivered) = (accepted / limit, delivered / limit);
            println!("  {name:32} {limit:>9.0} {accepted:>12.3} {delivered:>12.3}");
        }
        println!(
            "  {:10} {:>24} {:>12}",
            "process", "CPU s/10,000 deliveries", "peak MiB"
        );
        let mut processes = serde_json::Map::new();
        for ((name, before), (_, after)) in before.0.iter().zip(&after.0) {
            let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() * 10_000.0
                / rate(*deliveries, Duration::from_secs(1));
            let mib = after.peak_bytes / (1024 * 1024);
            println!("  {name:10} {cpu:>24.2} {mib:>12}");
            processes.insert(
                (*name).to_owned(),
                json!({"cpu_s_per_10k": cpu, "peak_mib": mib}),
            );
        }
        let figures = json!({
            "fan_out": fan_out,
            "bare_requests_per_s": bare,
            "broker_deliveries_per_s": broker,
            "postgres_deliveries_per_s": postgres,
            "events_accepted_per_s": accepted,
            "deliveries_per_s": delivered,
            "accepted_of_bare": accepted / bare,
            "delivered_of_bare": delivered / bare,
            "processes": processes,
        });
        println!("  {figures}");
    }
}
