//! One run: faults by a schedule while events are published, and the comparison.

use std::time::{Duration, Instant};

use anyhow::Context;
use sandbox::Options;

use crate::fault::Fault;
use crate::oracle::judge;
use crate::report::{Facts, Report, Versions};
use crate::trial::{Settings, Trial};

/// How long it may take until events flow again after a fault: far longer than any bound, so that
/// a run ends with a figure.
const FLOWING: Duration = Duration::from_secs(120);
/// How many events of what was lost are looked up on record.
const LOOKED_UP: usize = 1_000;

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// What it is made of.
    pub settings: Settings,
    /// How many events are accepted, at least.
    pub events: u64,
    /// What happens, evenly over the events.
    pub faults: Vec<Fault>,
    /// How long the next part of the events may take to be accepted.
    pub patience: Duration,
    /// How long it may take until all is quiet at the end.
    pub quiet_limit: Duration,
}

/// Runs it on servers of its own, telling each step.
///
/// # Errors
/// When a fault did not happen, or a process of the run fails.
///
/// # Panics
/// When a process of the program doesn't recover at all.
pub async fn run(run: Run, servers: Options, tell: impl Fn(&str)) -> anyhow::Result<Report> {
    let mut trial = Trial::start(run.settings, servers).await?;
    let versions = trial.versions().await?;
    let began = Instant::now();
    let mut happened = Vec::with_capacity(run.faults.len());
    let parts = u64::try_from(run.faults.len() + 1)?;
    for (fault, part) in run.faults.into_iter().zip(1..) {
        trial
            .accepted(run.events * part / parts, run.patience)
            .await?;
        let step = Instant::now();
        let what = || format!("{fault}, the {part}th fault");
        let one = trial.inject(fault).await.with_context(what)?;
        trial.flows(FLOWING).await.with_context(what)?;
        tell(&format!(
            "{:>5.0} s  {:>8} accepted  {fault} ({:.1} s)",
            began.elapsed().as_secs_f64(),
            trial.publisher.progress().accepted,
            step.elapsed().as_secs_f64()
        ));
        happened.push(one);
    }
    trial.accepted(run.events, run.patience).await?;
    tell("enough; waiting for quiet");
    let ended = trial.end(run.quiet_limit).await?;
    let took = began.elapsed();
    let downtimes: Vec<_> = happened.iter().filter_map(|one| one.downtime).collect();
    let findings = judge(trial.settings.load, &ended.evidence, &downtimes);
    let lost = findings.lost.iter().map(|(event, _)| *event);
    let facts = Facts {
        versions,
        seed: trial.settings.seed,
        rate: trial.settings.rate,
        took,
        happened: &happened,
        evidence: &ended.evidence,
        publisher: ended.publisher,
        quiet: ended.quiet,
        ledger: ended.ledger,
        not_recorded: trial.not_recorded(lost.take(LOOKED_UP)).await?,
    };
    Ok(Report::new(facts, findings))
}

impl Trial {
    async fn versions(&self) -> anyhow::Result<Versions> {
        let posthaste = self.fleet.cluster().run(&["--version"]).await;
        Ok(Versions {
            posthaste: posthaste.trim_start_matches("posthaste ").to_owned(),
            rabbitmq: self.stack.broker_admin().version().await,
            postgres: self.stack.ask("show server_version").await?,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        })
    }
}
