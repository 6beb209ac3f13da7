//! Measures the whole path on this machine, through the real program with every durability
//! setting of production: quorum queues, confirms, fsync and synchronous commit on.
//!
//! ```text
//! cargo build --release --bin posthaste
//! cargo run --release -p bench -- throughput
//! cargo run --release -p bench -- ingest
//! cargo run --release -p bench -- latency
//! cargo run --release -p bench -- retries
//! cargo run --release -p bench -- isolation
//! cargo run --release -p bench -- fairness
//! cargo run --release -p bench -- replay
//! cargo run --release -p bench -- pages
//! cargo run --release -p bench -- growth
//! ```
//!
//! Each role, the load and the receiver are processes of their own, so that CPU time can be told
//! apart. **Invariant:** nothing here judges: it prints what it measured.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the figures are told on standard output, and progress on the other"
)]

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};

mod chart;
mod disk;
mod fairness;
mod filled;
mod growth;
mod ingest;
mod isolation;
mod latency;
mod limits;
mod load;
mod meter;
mod pages;
mod platform;
mod receiver;
mod replay;
mod retries;
mod steady;
mod table;
mod throughput;
mod trial;

/// Measure the whole path on this machine.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    measure: Measure,
    #[command(flatten)]
    settings: trial::Settings,
}

#[derive(Debug, Subcommand)]
enum Measure {
    /// Events accepted and deliveries made a second, CPU and memory by process.
    Throughput(throughput::Throughput),
    /// Events accepted a second, over HTTP and from the queue, alone and in batches.
    Ingest(ingest::Ingest),
    /// How long events take from sending to arrival at steady rates.
    Latency(steady::Steady),
    /// How well the retry tiers keep their times.
    Retries(retries::Retries),
    /// What endpoints that misbehave cost those that don't.
    Isolation(isolation::Isolation),
    /// What a tenant that publishes much at once costs one that publishes little.
    Fairness(fairness::Fairness),
    /// What a bulk replay costs live deliveries, and how well it holds its rate.
    Replay(replay::Replay),
    /// How long every page and every look by the API takes on a large record.
    Pages(pages::Pages),
    /// What a large record costs throughput.
    Growth(growth::Growth),
    /// The receiver's process, which the measurements start themselves.
    #[command(hide = true)]
    Receiver,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // One provider for the process; only a second call can fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Cli { measure, settings } = Cli::parse();
    match measure {
        Measure::Throughput(throughput) => throughput::run(throughput, settings).await,
        Measure::Ingest(ingest) => ingest::run(ingest, settings).await,
        Measure::Latency(steady) => steady::run(steady, settings).await,
        Measure::Retries(retries) => retries::run(retries, settings).await,
        Measure::Isolation(isolation) => isolation::run(isolation, settings).await,
        Measure::Fairness(fairness) => fairness::run(fairness, settings).await,
        Measure::Replay(replay) => replay::run(replay, settings).await,
        Measure::Pages(pages) => pages::run(pages, settings).await,
        Measure::Growth(growth) => growth::run(growth, settings).await,
        Measure::Receiver => receiver::serve().await,
    }
}

/// The program beside this one.
fn program() -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("this program has no path")?;
    let program = me.with_file_name("posthaste");
    ensure!(
        program.exists(),
        "build it first: cargo build --release --bin posthaste"
    );
    Ok(program)
}
