//! What two looks, one after the other, say together.

use super::api::Trouble;
use super::exposition::Samples;
use super::scrape::Snapshot;

/// The kinds of queues in the order of an event's way, and the role that consumes each.
const QUEUES: [(&str, &str); 10] = [
    ("inbox", "ingest"),
    ("fanout", "fan-out"),
    ("fanout_bulk", "fan-out"),
    ("fresh", "dispatcher"),
    ("retry", "dispatcher"),
    ("bulk", "dispatcher"),
    ("results", "recorder"),
    ("dead", "recorder"),
    ("rejected", "recorder"),
    ("quarantine", "all"),
];

/// Everything that is drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures {
    /// How many roles were asked.
    pub(super) asked: usize,
    /// The addresses that did not answer.
    pub(super) silent: Vec<String>,
    /// Parts that are not ready.
    pub(super) not_ready: Vec<String>,
    /// A second.
    pub(super) rates: Rates,
    /// In seconds; none when nothing happened between the looks.
    pub(super) delays: Delays,
    /// Attempts under way.
    pub(super) in_flight: f64,
    /// Deliveries in dispatchers' hands.
    pub(super) in_hand: f64,
    pub(super) queues: Vec<Queue>,
    /// Tiers with the messages that wait there.
    pub(super) tiers: Vec<(String, f64)>,
    /// Circuit breakers, counted in each dispatcher.
    pub(super) open: f64,
    pub(super) half_open: f64,
    /// States of recorded deliveries.
    pub(super) ledger: Vec<(String, f64)>,
    /// Deliveries that are nowhere.
    pub(super) missing: f64,
    pub(super) trouble: Option<Result<Trouble, String>>,
}

/// How much happens a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) by_http: f64,
    pub(super) by_inbox: f64,
    /// Events that their publishers got wrong.
    pub(super) refused: f64,
    /// Events that could not be accepted.
    pub(super) not_accepted: f64,
    /// Deliveries that fan-out made.
    pub(super) deliveries: f64,
    pub(super) delivered: f64,
    pub(super) failed: f64,
    pub(super) gone: f64,
    /// Deliveries sent back to the queues without an attempt.
    pub(super) put_off: f64,
}

/// How long 99 of 100 took, in seconds, as an upper bound.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Delays {
    /// The wait for fan-out.
    pub(super) fanout: Option<f64>,
    /// From acceptance to the first attempt.
    pub(super) dispatch: Option<f64>,
    /// A request to a receiver.
    pub(super) attempt: Option<f64>,
    /// The broker's confirm.
    pub(super) confirm: Option<f64>,
    /// A connection to Postgres.
    pub(super) postgres: Option<f64>,
}

/// A kind of queue.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Queue {
    pub(super) kind: &'static str,
    /// Whose work it is.
    pub(super) role: &'static str,
    pub(super) messages: f64,
    /// How many more messages a second than before.
    pub(super) growth: f64,
    pub(super) consumers: f64,
}

impl Figures {
    /// What happened between two looks, and how it stands at the second.
    pub(super) fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let seconds = (after.at - before.at).as_secs_f64();
        let change = Change {
            before: &before.samples,
            after: &after.samples,
            seconds,
        };
        let now = &after.samples;
        let tiers = now.most_by("posthaste_tier_messages", "tier").into_iter();
        let mut tiers: Vec<_> = tiers.map(|(tier, n)| (tier.to_owned(), n)).collect();
        tiers.sort_by_key(|(tier, _)| domain_order(tier));
        let ledger = now.most_by("posthaste_ledger_deliveries", "state");
        let missing = now.most_by("posthaste_ledger_missing", "attempt");
        let ready = now.least_by("posthaste_ready", "part").into_iter();
        Self {
            asked: after.asked,
            silent: after.silent.clone(),
            not_ready: ready
                .filter(|(_, ready)| *ready < 1.0)
                .map(|(part, _)| part.to_owned())
                .collect(),
            rates: change.rates(),
            delays: change.delays(),
            in_flight: now.sum("posthaste_attempts_in_flight", &[]),
            in_hand: now.sum("posthaste_deliveries_in_hand", &[]),
            queues: change.queues(),
            tiers,
            open: now.sum("posthaste_breakers", &[("state", "open")]),
            half_open: now.sum("posthaste_breakers", &[("state", "half_open")]),
            ledger: ledger
                .into_iter()
                .map(|(state, n)| (state.to_owned(), n))
                .collect(),
            missing: missing.values().sum(),
            trouble: after.trouble.clone(),
        }
    }
}

/// Where a tier stands among all: they are shown from the shortest to the longest.
fn domain_order(name: &str) -> usize {
    let mut tiers = domain::tier::Tier::all();
    tiers
        .position(|tier| tier.name() == name)
        .unwrap_or(usize::MAX)
}

struct Change<'a> {
    before: &'a Samples,
    after: &'a Samples,
    seconds: f64,
}

impl Change<'_> {
    /// How much a counter grows a second. One that has begun anew, with its process, has grown by
    /// what it is now.
    fn rate(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let (before, after) = (self.before.sum(name, labels), self.after.sum(name, labels));
        let grown = if after < before {
            after
        } else {
            after - before
        };
        per_second(grown, self.seconds)
    }

    fn rates(&self) -> Rates {
        let accepted = |way| self.rate("posthaste_ingest_accepted_total", &[("way", way)]);
        let attempts = |outcome| self.rate("posthaste_attempts_total", &[("outcome", outcome)]);
        Rates {
            by_http: accepted("http"),
            by_inbox: accepted("inbox"),
            refused: self.rate("posthaste_ingest_refused_total", &[]),
            not_accepted: self.rate("posthaste_ingest_not_accepted_total", &[]),
            deliveries: self.rate("posthaste_fanout_deliveries_total", &[]),
            delivered: attempts("delivered"),
            failed: attempts("failed"),
            gone: attempts("gone"),
            put_off: self.rate("posthaste_attempts_put_off_total", &[]),
        }
    }

    fn delays(&self) -> Delays {
        let p99 = |name: &str, labels: &[(&str, &str)]| {
            let before = self.before.buckets(name, labels);
            p99(&before, &self.after.buckets(name, labels))
        };
        Delays {
            fanout: p99("posthaste_fanout_wait_seconds", &[]),
            dispatch: p99("posthaste_accept_to_dispatch_seconds", &[("lane", "fresh")]),
            attempt: p99("posthaste_attempt_duration_seconds", &[]),
            confirm: p99("posthaste_broker_confirm_duration_seconds", &[]),
            postgres: p99("posthaste_store_connection_wait_seconds", &[]),
        }
    }

    fn queues(&self) -> Vec<Queue> {
        let messages = |samples: &Samples, kind| {
            let by_kind = samples.most_by("posthaste_queue_messages", "queue");
            by_kind.get(kind).copied()
        };
        let consumers = self.after.most_by("posthaste_queue_consumers", "queue");
        let queues = QUEUES.into_iter().filter_map(|(kind, role)| {
            let now = messages(self.after, kind)?;
            let then = messages(self.before, kind).unwrap_or(now);
            Some(Queue {
                kind,
                role,
                messages: now,
                growth: per_second(now - then, self.seconds),
                consumers: consumers.get(kind).copied().unwrap_or_default(),
            })
        });
        queues.collect()
    }
}

fn per_second(count: f64, seconds: f64) -> f64 {
    if seconds > 0.0 { count / seconds } else { 0.0 }
}

/// The bound that 99 of 100 of what came between two looks are within; none when nothing came.
fn p99(before: &[(f64, f64)], after: &[(f64, f64)]) -> Option<f64> {
    let count_before = |bound: f64| {
        let known = before.iter().find(|(it, _)| it.total_cmp(&bound).is_eq());
        known.map_or(0.0, |(_, count)| *count)
    };
    let new = |(bound, count): &(f64, f64)| (*bound, count - count_before(*bound));
    let all = after.last().map(new)?.1;
    if all <= 0.0 {
        return None;
    }
    let within = after
        .iter()
        .map(new)
        .find(|(_, count)| *count >= 0.99 * all);
    within.map(|(bound, _)| bound)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn look(at: Instant, text: &str) -> Snapshot {
        Snapshot {
            at,
            samples: Samples::read(text),
            asked: 1,
            silent: Vec::new(),
            trouble: None,
        }
    }

    #[test]
    fn counters_become_rates_and_gauges_stay() {
        let began = Instant::now();
        let before = look(
            began,
            r#"posthaste_ingest_accepted_total{way="http"} 100
posthaste_attempts_total{outcome="delivered"} 500
posthaste_queue_messages{queue="fresh"} 10"#,
        );
        let after = look(
            began + Duration::from_secs(2),
            r#"posthaste_ingest_accepted_total{way="http"} 300
posthaste_attempts_total{outcome="delivered"} 80
posthaste_queue_messages{queue="fresh"} 30
posthaste_queue_consumers{queue="fresh"} 2
posthaste_tier_messages{tier="10s"} 2
posthaste_tier_messages{tier="1s"} 1
posthaste_ready{part="record"} 0
posthaste_ready{part="ingest"} 1
posthaste_breakers{state="open"} 3"#,
        );
        let figures = Figures::between(&before, &after);
        assert_eq!(figures.rates.by_http, 100.0);
        assert_eq!(figures.rates.delivered, 40.0, "its process is a new one");
        let fresh = Queue {
            kind: "fresh",
            role: "dispatcher",
            messages: 30.0,
            growth: 10.0,
            consumers: 2.0,
        };
        assert_eq!(figures.queues, [fresh]);
        assert_eq!(
            figures.tiers,
            [("1s".to_owned(), 1.0), ("10s".to_owned(), 2.0)]
        );
        assert_eq!(figures.not_ready, ["record"]);
        assert_eq!(figures.open, 3.0);
    }

    #[test]
    fn a_quantile_is_of_what_came_between() {
        let bounds = [0.5, 1.0, f64::INFINITY];
        let of = |counts: [f64; 3]| bounds.into_iter().zip(counts).collect::<Vec<_>>();
        let before = of([0.0, 0.0, 1_000.0]);
        assert_eq!(p99(&before, &of([99.0, 100.0, 1_100.0])), Some(0.5));
        assert_eq!(p99(&before, &of([90.0, 100.0, 1_100.0])), Some(1.0));
        assert_eq!(p99(&before, &before), None);
        assert_eq!(p99(&[], &[]), None);
    }
}
