//! The judge: compares what the publisher and the receiver wrote down, and believes nobody else
//! but, for what was given up, the management API.
//!
//! **Invariant:** no input and no output; every kind of finding has a test that makes it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Serialize;

use crate::plan::Load;

#[cfg(test)]
mod tests;

/// An event's id without its prefix.
pub type EventId = u128;

/// The hash of a payload.
pub type Hash = u128;

/// A 202.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The event's number.
    pub number: u64,
    /// The id that the 202 told.
    pub event: EventId,
    /// When the request was sent that was answered so, in microseconds since 1970.
    pub sent_us: u64,
    /// When it was answered.
    pub accepted_us: u64,
}

/// A request at the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The endpoint's position.
    pub endpoint: usize,
    /// Its `webhook-id`.
    pub event: EventId,
    /// The hash of its payload.
    pub hash: Hash,
    /// What it was answered with.
    pub status: u16,
    /// When it came, in microseconds since 1970.
    pub at_us: u64,
}

/// What both processes wrote down, and what the record shows as given up.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The hashes of everything that was sent, accepted or not.
    pub sent: HashMap<u64, Hash>,
    /// The 202s, in the order of their answers.
    pub accepted: Vec<Accepted>,
    /// The requests at the receiver.
    pub arrivals: Vec<Arrival>,
    /// The deliveries with a dead letter that the API shows.
    pub dead_letters: HashSet<(EventId, usize)>,
}

/// A time in which no event could be accepted, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downtime {
    /// When it had certainly begun.
    pub from_us: u64,
    /// When it had certainly not ended.
    pub to_us: u64,
}

/// What the comparison found.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Numbers that were sent at least once.
    pub sent: usize,
    /// Events that got a 202.
    pub accepted: usize,
    /// Requests that were answered 2xx.
    pub deliveries: usize,
    /// Requests that were answered otherwise: each such delivery was parked or given up.
    pub failed_attempts: usize,
    /// Deliveries that were given up, as the API shows.
    pub dead_letters: usize,
    /// Deliveries of accepted events that were neither answered 2xx nor given up visibly, as event
    /// and endpoint.
    pub lost: Vec<(EventId, usize)>,
    /// Requests that nobody published, or to an endpoint that didn't select the event.
    pub unexpected: usize,
    /// Requests of an accepted event with another payload than was sent.
    pub altered: usize,
    /// Requests of an event under another id than it was accepted or first delivered by, and events
    /// that were accepted under the id of another.
    pub renamed: usize,
    /// Further 2xx of an event at the same endpoint.
    pub duplicates: usize,
    /// Events without a 202 that were delivered nevertheless: allowed.
    pub recovered: usize,
    /// 202s while nothing could be stored.
    pub false_202s: Vec<EventId>,
    /// From a 202 to the first attempt at the first endpoint, the longest.
    pub slowest: Duration,
}

impl Findings {
    /// Whether nothing is there that must never be. Duplicates are counted apart.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let Self {
            lost,
            false_202s,
            unexpected,
            altered,
            renamed,
            ..
        } = self;
        lost.is_empty() && false_202s.is_empty() && (unexpected + altered + renamed) == 0
    }
}

/// Compares.
#[must_use]
pub fn judge(load: Load, evidence: &Evidence, downtimes: &[Downtime]) -> Findings {
    let mut findings = Findings {
        sent: evidence.sent.len(),
        accepted: evidence.accepted.len(),
        dead_letters: evidence.dead_letters.len(),
        false_202s: false_202s(&evidence.accepted, downtimes),
        ..Findings::default()
    };
    let delivered = Comparison::of(load, evidence).judge(&evidence.arrivals, &mut findings);
    for one in &evidence.accepted {
        let expected = load.expected(one.number).map(|at| (one.event, at));
        let lost = expected.filter(|delivery| {
            !delivered.contains(delivery) && !evidence.dead_letters.contains(delivery)
        });
        findings.lost.extend(lost);
    }
    findings.slowest = slowest(evidence);
    findings
}

/// What of the evidence is looked up for each arrival.
struct Comparison<'a> {
    load: Load,
    by_hash: HashMap<Hash, u64>,
    by_event: HashMap<EventId, u64>,
    sent: &'a HashMap<u64, Hash>,
    /// The id that each event goes by.
    ids: HashMap<u64, EventId>,
}

/// What an arrival is.
enum Verdict {
    Accepted,
    /// It was sent and got no 202.
    Recovered(u64),
    Unexpected,
    Altered,
    Renamed,
}

impl<'a> Comparison<'a> {
    fn of(load: Load, evidence: &'a Evidence) -> Self {
        let sent = evidence.sent.iter();
        let accepted = evidence.accepted.iter();
        Self {
            load,
            by_hash: sent.map(|(number, hash)| (*hash, *number)).collect(),
            by_event: accepted
                .clone()
                .map(|one| (one.event, one.number))
                .collect(),
            sent: &evidence.sent,
            ids: accepted.map(|one| (one.number, one.event)).collect(),
        }
    }

    /// Counts, and returns which deliveries were answered 2xx.
    fn judge(mut self, arrivals: &[Arrival], found: &mut Findings) -> HashSet<(EventId, usize)> {
        found.renamed = found.accepted - self.by_event.len();
        let mut delivered = HashSet::with_capacity(arrivals.len());
        let mut recovered = HashSet::new();
        for arrival in arrivals {
            let is_success = (200..300).contains(&arrival.status);
            if is_success {
                found.deliveries += 1;
            } else {
                found.failed_attempts += 1;
            }
            match self.verdict(arrival) {
                Verdict::Unexpected => found.unexpected += 1,
                Verdict::Altered => found.altered += 1,
                Verdict::Renamed => found.renamed += 1,
                Verdict::Accepted | Verdict::Recovered(_) if !is_success => {}
                verdict => {
                    if !delivered.insert((arrival.event, arrival.endpoint)) {
                        found.duplicates += 1;
                    }
                    if let Verdict::Recovered(number) = verdict {
                        recovered.insert(number);
                    }
                }
            }
        }
        found.recovered = recovered.len();
        delivered
    }

    fn verdict(&mut self, arrival: &Arrival) -> Verdict {
        let number = match self.by_event.get(&arrival.event) {
            Some(number) if self.sent.get(number) != Some(&arrival.hash) => {
                return Verdict::Altered;
            }
            Some(number) => *number,
            None => match self.by_hash.get(&arrival.hash) {
                Some(number) => *number,
                None => return Verdict::Unexpected,
            },
        };
        if !self.load.expected(number).any(|at| at == arrival.endpoint) {
            return Verdict::Unexpected;
        }
        match self.ids.entry(number) {
            Entry::Occupied(known) if *known.get() != arrival.event => Verdict::Renamed,
            Entry::Occupied(_) if self.by_event.contains_key(&arrival.event) => Verdict::Accepted,
            Entry::Occupied(_) => Verdict::Recovered(number),
            Entry::Vacant(unknown) => {
                unknown.insert(arrival.event);
                Verdict::Recovered(number)
            }
        }
    }
}

/// Those that were asked for and given within a downtime: nothing can have stored them.
fn false_202s(accepted: &[Accepted], downtimes: &[Downtime]) -> Vec<EventId> {
    let within = |one: &&Accepted| {
        downtimes
            .iter()
            .any(|down| down.from_us <= one.sent_us && one.accepted_us <= down.to_us)
    };
    let found = accepted.iter().filter(within);
    found.map(|one| one.event).collect()
}

/// When each event was first attempted at the first endpoint, in microseconds since 1970.
fn first_attempts(arrivals: &[Arrival]) -> HashMap<EventId, u64> {
    let mut first = HashMap::new();
    for arrival in arrivals.iter().filter(|one| one.endpoint == 0) {
        let at = first.entry(arrival.event).or_insert(arrival.at_us);
        *at = arrival.at_us.min(*at);
    }
    first
}

fn slowest(evidence: &Evidence) -> Duration {
    let first = first_attempts(&evidence.arrivals);
    let took = evidence.accepted.iter().filter_map(|one| {
        let attempted_us = first.get(&one.event)?;
        Some(attempted_us.saturating_sub(one.accepted_us))
    });
    Duration::from_micros(took.max().unwrap_or_default())
}

/// How many of the events accepted after an instant are looked at for the first that arrives.
const LOOKED_AT: usize = 5_000;

/// When things go again: for each instant, how long after it the first event that was accepted
/// later was attempted. None where none was.
#[must_use]
pub fn resumed(evidence: &Evidence, instants_us: &[u64]) -> Vec<Option<Duration>> {
    let first = first_attempts(&evidence.arrivals);
    let resumed = |instant: &u64| {
        let accepted = &evidence.accepted;
        let later = accepted.partition_point(|one| one.accepted_us < *instant);
        let attempted = accepted[later..].iter().take(LOOKED_AT);
        let attempted = attempted.filter_map(|one| first.get(&one.event)).min()?;
        Some(Duration::from_micros(attempted.saturating_sub(*instant)))
    };
    instants_us.iter().map(resumed).collect()
}
