//! What a run says at its end: a table for people, JSON for machines, and whether it holds.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::fault::Class;
use crate::inject::Happened;
use crate::oracle::{Evidence, Findings, resumed};
use crate::publisher::Progress;

/// How long a service may take to recover.
const SERVICE_BOUND: Duration = Duration::from_secs(5);
/// How long it may take until events flow after the broker's return.
const BROKER_BOUND: Duration = Duration::from_secs(15);
/// How long a process may take to end that is asked to: its grace is longer, for what only ends when
/// it is over.
const STOP_BOUND: Duration = Duration::from_secs(10);
/// The share of deliveries that may be duplicates.
const DUPLICATES_BOUND: f64 = 0.001;
/// What one dispatcher can have in hand when it dies, and so what a fault can make arrive twice: as
/// many attempts as are under way at once, for each dispatcher.
const IN_HAND: usize = 512 * crate::fleet::EACH;

/// How often a fault happened, and the worst recovery from it.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub struct Recovery {
    /// How often it happened.
    pub times: usize,
    /// Until our processes that were away were ready, in seconds.
    pub worst_ready_s: f64,
    /// Until a process of ours had ended that was asked to, in seconds.
    pub worst_stop_s: f64,
    /// From the return of what was away until an event that was accepted later was attempted, in
    /// seconds.
    pub worst_flow_s: f64,
    /// How often nothing was accepted any more to see that by.
    pub unseen: usize,
}

/// What ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// The program's.
    pub posthaste: String,
    /// RabbitMQ's.
    pub rabbitmq: String,
    /// PostgreSQL's.
    pub postgres: String,
    /// The machine's cores.
    pub cores: usize,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What ran.
    pub versions: Versions,
    /// The seed.
    pub seed: u64,
    /// Events a second.
    pub rate: u32,
    /// From the first event to quiet, in seconds.
    pub took_s: f64,
    /// Processes of ours that were killed with SIGKILL.
    pub kills: usize,
    /// Kills of the broker.
    pub broker_kills: usize,
    /// Kills of Postgres.
    pub postgres_kills: usize,
    /// The fewest deliveries in the retry tiers when the broker went away; none where it never did.
    pub fewest_parked: Option<u64>,
    /// What the comparison found.
    pub findings: Findings,
    /// Of what was lost, how many events are not even on record: their 202s were false.
    pub not_recorded: usize,
    /// Duplicates of all deliveries.
    pub duplicates_share: f64,
    /// The most duplicates that the faults explain.
    pub duplicates_bound: usize,
    /// Answers that were neither 202 nor 503.
    pub odd_answers: u64,
    /// Tries that were answered 503, or not at all.
    pub refused: u64,
    /// The longest from a 202 to the first attempt, in seconds.
    pub slowest_s: f64,
    /// Whether all was quiet in time.
    pub quiet: bool,
    /// Whether the program's own ledger balances.
    pub ledger: serde_json::Value,
    /// By fault.
    pub recoveries: BTreeMap<String, Recovery>,
    /// What does not hold.
    pub broken: Vec<String>,
}

/// What a report is made of, besides the findings.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What ran.
    pub versions: Versions,
    /// The seed.
    pub seed: u64,
    /// Events a second.
    pub rate: u32,
    /// From the first event to quiet.
    pub took: Duration,
    /// What was done.
    pub happened: &'a [Happened],
    /// What both processes wrote down.
    pub evidence: &'a Evidence,
    /// What the publisher saw.
    pub publisher: Progress,
    /// Whether all was quiet in time.
    pub quiet: bool,
    /// The program's ledger.
    pub ledger: serde_json::Value,
    /// Of what was lost, how many events are not even on record.
    pub not_recorded: usize,
}

impl Report {
    /// Puts it together, and judges it.
    #[must_use]
    pub fn new(facts: Facts<'_>, findings: Findings) -> Self {
        let happened = facts.happened;
        let of = |name: &str| {
            happened
                .iter()
                .filter(|one| one.fault.name() == name)
                .count()
        };
        #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
        let duplicates_share = findings.duplicates as f64 / findings.deliveries.max(1) as f64;
        let mut report = Self {
            versions: facts.versions,
            seed: facts.seed,
            rate: facts.rate,
            took_s: facts.took.as_secs_f64(),
            kills: happened.iter().map(|one| one.fault.kills()).sum(),
            broker_kills: of("kill -9 the broker"),
            postgres_kills: of("kill -9 Postgres"),
            fewest_parked: happened.iter().filter_map(|one| one.parked).min(),
            not_recorded: facts.not_recorded,
            duplicates_share,
            duplicates_bound: happened.len() * IN_HAND,
            odd_answers: facts.publisher.odd,
            refused: facts.publisher.refused,
            slowest_s: findings.slowest.as_secs_f64(),
            findings,
            quiet: facts.quiet,
            ledger: facts.ledger,
            recoveries: BTreeMap::new(),
            broken: Vec::new(),
        };
        report.recover(happened, facts.evidence);
        report
    }

    /// Whether everything holds that doesn't depend on the machine's speed.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        let bounded = self.findings.duplicates <= self.duplicates_bound;
        self.findings.is_clean() && self.odd_answers == 0 && self.quiet && bounded
    }

    fn recover(&mut self, happened: &[Happened], evidence: &Evidence) {
        let instants: Vec<u64> = happened.iter().map(|one| one.returned_us).collect();
        let mut worst: BTreeMap<Class, Duration> = BTreeMap::new();
        for (one, flow) in happened.iter().zip(resumed(evidence, &instants)) {
            let recovery = self.recoveries.entry(one.fault.name()).or_default();
            recovery.times += 1;
            let flow_s = flow.map_or(0.0, |flow| flow.as_secs_f64());
            recovery.worst_flow_s = recovery.worst_flow_s.max(flow_s);
            recovery.worst_ready_s = recovery.worst_ready_s.max(one.ready_after.as_secs_f64());
            let stopped_s = one.stopped_after.as_secs_f64();
            recovery.worst_stop_s = recovery.worst_stop_s.max(stopped_s);
            recovery.unseen += usize::from(flow.is_none());
            let took = one.ready_after.max(flow.unwrap_or_default());
            let class = worst.entry(one.fault.class()).or_default();
            *class = took.max(*class);
        }
        self.judge(&worst);
    }

    fn judge(&mut self, worst: &BTreeMap<Class, Duration>) {
        let Findings {
            lost,
            false_202s,
            unexpected,
            altered,
            renamed,
            duplicates,
            ..
        } = &self.findings;
        let odd = usize::try_from(self.odd_answers).unwrap_or(usize::MAX);
        let mut broken: Vec<String> = [
            ("lost", lost.len()),
            ("false 202s", false_202s.len() + self.not_recorded),
            ("unexpected", *unexpected),
            ("altered", *altered),
            ("under another id", *renamed),
            ("answers that are neither 202 nor 503", odd),
            (
                "duplicates beyond the bound",
                duplicates.saturating_sub(self.duplicates_bound),
            ),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{what}: {count}"))
        .collect();
        if !self.quiet {
            broken.push("it was not quiet in time".to_owned());
        }
        if self.duplicates_share > DUPLICATES_BOUND {
            let percent = self.duplicates_share * 100.0;
            broken.push(format!("duplicates are {percent:.3} % of the deliveries"));
        }
        for (class, bound) in [
            (Class::Service, SERVICE_BOUND),
            (Class::Broker, BROKER_BOUND),
        ] {
            let took = worst.get(&class).copied().unwrap_or_default();
            if took > bound {
                broken.push(format!("recovery, {class:?}: {:.1} s", took.as_secs_f64()));
            }
        }
        let stops_s = self.recoveries.values().map(|one| one.worst_stop_s);
        let stopped_s = stops_s.fold(0.0, f64::max);
        if stopped_s > STOP_BOUND.as_secs_f64() {
            broken.push(format!("an orderly stop: {stopped_s:.1} s"));
        }
        self.broken = broken;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            versions, findings, ..
        } = self;
        writeln!(
            f,
            "Posthaste {}, RabbitMQ {}, PostgreSQL {}, {} cores; seed {}, {} events a second, {:.0} s",
            versions.posthaste,
            versions.rabbitmq,
            versions.postgres,
            versions.cores,
            self.seed,
            self.rate,
            self.took_s
        )?;
        writeln!(
            f,
            "\n| fault | times | worst: ended | worst: ready again | worst: events flow again |\n\
             |---|---:|---:|---:|---:|"
        )?;
        for (name, recovery) in &self.recoveries {
            let Recovery {
                times,
                worst_ready_s,
                worst_stop_s,
                worst_flow_s,
                ..
            } = recovery;
            let ended = if *worst_stop_s > 0.0 {
                format!("{worst_stop_s:.1} s")
            } else {
                String::new()
            };
            writeln!(
                f,
                "| {name} | {times} | {ended} | {worst_ready_s:.1} s | {worst_flow_s:.1} s |"
            )?;
        }
        writeln!(f, "\n| found | |\n|---|---:|")?;
        for (name, count) in [
            ("events accepted", findings.accepted),
            ("deliveries answered 2xx", findings.deliveries),
            ("attempts answered otherwise", findings.failed_attempts),
            ("dead letters, all visible", findings.dead_letters),
            ("our processes killed with -9", self.kills),
            ("kills of the broker", self.broker_kills),
            ("kills of Postgres", self.postgres_kills),
            ("**lost**", findings.lost.len()),
            (
                "**false 202s**",
                findings.false_202s.len() + self.not_recorded,
            ),
            ("**unexpected**", findings.unexpected),
            ("**altered**", findings.altered),
            ("**under another id**", findings.renamed),
            ("recovered: delivered without a 202", findings.recovered),
        ] {
            writeln!(f, "| {name} | {count} |")?;
        }
        writeln!(
            f,
            "| duplicates, each with the same id | {} ({:.3} %) |\n\
             | the longest from a 202 to the first attempt | {:.1} s |",
            findings.duplicates,
            self.duplicates_share * 100.0,
            self.slowest_s
        )?;
        if let Some(parked) = self.fewest_parked {
            writeln!(
                f,
                "| the fewest parked deliveries when the broker went away | {parked} |"
            )?;
        }
        if self.broken.is_empty() {
            return writeln!(f, "\neverything holds");
        }
        writeln!(f, "\ndoes not hold: {}", self.broken.join("; "))
    }
}
