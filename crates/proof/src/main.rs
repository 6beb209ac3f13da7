//! The fault run by hand.
//!
//! ```text
//! cargo build --release --bin posthaste
//! cargo run --release -p proof -- run --events 100000
//! cargo run --release -p proof -- tiers --events 100000
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the result is told on standard output, and progress on the other"
)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand};
use proof::fault::{Counts, Fault, schedule};
use proof::plan::Load;
use proof::run::Run;
use proof::trial::Settings;
use proof::{publisher, receiver, run};
use sandbox::Options;
use testkit::server_options;

/// Kill everything under load, and see whether anything is lost.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every fault, while events are delivered.
    Run {
        #[command(flatten)]
        counts: Counts,
        #[command(flatten)]
        size: Size,
    },
    /// The broker is killed while deliveries wait in the retry tiers, each three times.
    Tiers {
        /// How often the broker is killed with SIGKILL.
        #[arg(long, default_value_t = 20)]
        broker_kills: usize,
        #[command(flatten)]
        size: Size,
    },
    /// The publisher's process, which a run starts itself.
    #[command(hide = true)]
    Publisher(publisher::Settings),
    /// The receiver's process, which a run starts itself.
    #[command(hide = true)]
    Receiver(receiver::Settings),
}

/// How much, how fast.
#[derive(Debug, Args)]
struct Size {
    /// How many events are accepted, at least: it goes on until every fault has happened.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Events a second.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Decides the order of the faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests of the publisher under way at once.
    #[arg(long, default_value_t = 64)]
    publishers: u32,
    /// About how long a payload is.
    #[arg(long, default_value_t = 1024)]
    payload_bytes: usize,
    /// How long, in seconds, a stopped process stands still and a table is locked.
    #[arg(long, default_value_t = 10)]
    standing: u64,
    /// Where journals and logs are kept; without it they go with the run.
    #[arg(long)]
    keep: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run { counts, size } => {
            let faults = schedule(counts, size.seed);
            fault_run(Load::Everyday, faults, size).await
        }
        Command::Tiers { broker_kills, size } => {
            let faults = vec![Fault::KillBroker; broker_kills];
            fault_run(Load::Retries, faults, size).await
        }
        Command::Publisher(settings) => publisher::run(settings).await,
        Command::Receiver(settings) => receiver::run(settings).await,
    }
}

async fn fault_run(load: Load, faults: Vec<Fault>, size: Size) -> anyhow::Result<()> {
    let proof = std::env::current_exe().context("this program has no path")?;
    let posthaste = proof.with_file_name("posthaste");
    ensure!(
        posthaste.exists(),
        "build it first: cargo build --release --bin posthaste"
    );
    let temporary = tempfile::tempdir()?;
    let directory = size.keep.as_deref().unwrap_or(temporary.path());
    let settings = Settings {
        posthaste,
        proof,
        directory: directory.to_owned(),
        load,
        seed: size.seed,
        rate: size.rate,
        publishers: size.publishers,
        payload_bytes: size.payload_bytes,
        standing: Duration::from_secs(size.standing),
    };
    let run = Run {
        settings,
        events: size.events,
        faults,
        patience: Duration::from_secs(600),
        quiet_limit: Duration::from_secs(600),
    };
    let report = run::run(run, servers(), |step| eprintln!("{step}")).await?;
    println!("{report}");
    println!("{}", serde_json::to_string(&report)?);
    ensure!(report.broken.is_empty(), "not everything holds");
    Ok(())
}

/// With every durability setting of production; queues are counted often.
fn servers() -> Options {
    Options {
        postgres_settings: vec![("max_connections", "400")],
        ..server_options()
    }
}
