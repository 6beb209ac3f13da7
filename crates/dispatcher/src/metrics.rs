//! What the dispatcher counts. Labels are bounded: never an endpoint, a tenant or a URL.

use std::time::Duration;

use domain::outcome::{Failure, Observed, Outcome};
use opentelemetry::metrics::{Counter, Histogram, UpDownCounter};
use opentelemetry::{KeyValue, global};

use crate::gate::breaker;
use crate::lane::Lane;

/// The instruments of one dispatcher.
pub(crate) struct Metrics {
    attempts: Counter<u64>,
    duration: Histogram<f64>,
    arrival: Histogram<f64>,
    wait: Histogram<f64>,
    in_flight: UpDownCounter<i64>,
    put_off: Counter<u64>,
    in_hand: UpDownCounter<i64>,
}

/// Why an attempt was not made when its delivery arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PutOff {
    /// The endpoint has as many requests as it bears.
    Crowded,
    /// Its `Retry-After` is not over.
    Paused,
    /// Its circuit breaker is open, or others probe it.
    Broken,
    /// It has had as many requests as its rate limit allows.
    Limited,
    /// Postgres is away and what is needed isn't in memory.
    RecordAway,
    /// Its patience was over, and the attempt goes on.
    HandedOver,
}

/// Counts one until dropped.
pub(crate) struct Counted {
    of: UpDownCounter<i64>,
    label: Option<KeyValue>,
}

impl Counted {
    fn one(of: &UpDownCounter<i64>) -> Self {
        Self::labelled(of, None)
    }

    fn labelled(of: &UpDownCounter<i64>, label: Option<KeyValue>) -> Self {
        of.add(1, label.as_slice());
        Self {
            of: of.clone(),
            label,
        }
    }
}

const OPEN: &str = "open";
const HALF_OPEN: &str = "half_open";

/// Counts circuit breakers that are not closed.
pub(crate) struct Breakers(UpDownCounter<i64>);

impl Breakers {
    pub(crate) fn new() -> Self {
        let meter = global::meter("posthaste");
        let breakers = meter
            .i64_up_down_counter("posthaste.breakers")
            .with_description("Circuit breakers of endpoints that are open or half-open, by state.")
            .build();
        for state in [OPEN, HALF_OPEN] {
            breakers.add(0, &[KeyValue::new("state", state)]);
        }
        Self(breakers)
    }

    /// A breaker is in this state until this is dropped. Closed ones are not counted: an endpoint
    /// that is well leaves nothing behind that could be.
    pub(crate) fn count(&self, state: breaker::State) -> Option<Counted> {
        let name = match state {
            breaker::State::Closed(_) => return None,
            breaker::State::HalfOpen(_) => HALF_OPEN,
            breaker::State::Open { .. } => OPEN,
        };
        Some(Counted::labelled(
            &self.0,
            Some(KeyValue::new("state", name)),
        ))
    }
}

impl PutOff {
    const ALL: [Self; 6] = [
        Self::Crowded,
        Self::Paused,
        Self::Broken,
        Self::Limited,
        Self::RecordAway,
        Self::HandedOver,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Crowded => "crowded",
            Self::Paused => "paused",
            Self::Broken => "breaker",
            Self::Limited => "rate_limit",
            Self::RecordAway => "record_away",
            Self::HandedOver => "handed_over",
        }
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self::instruments();
        // There from the start, so that the first one is seen as an increase.
        for why in PutOff::ALL {
            metrics.count_put_off(0, why);
        }
        for class in Failure::ALL.map(Failure::as_str) {
            metrics.count_attempts(0, FAILED, class);
        }
        for class in ["4xx", "5xx"] {
            metrics.count_attempts(0, FAILED, class);
        }
        metrics.count_attempts(0, DELIVERED, "2xx");
        metrics.in_flight.add(0, &[]);
        metrics.in_hand.add(0, &[]);
        metrics
    }

    fn instruments() -> Self {
        let meter = global::meter("posthaste");
        Self {
            attempts: meter
                .u64_counter("posthaste.attempts")
                .with_description("Attempts that ended, by outcome and class of status.")
                .build(),
            duration: meter
                .f64_histogram("posthaste.attempt.duration")
                .with_unit("s")
                .with_description("How long attempts took, over connect, headers and body.")
                .build(),
            arrival: meter
                .f64_histogram("posthaste.accept_to_arrival")
                .with_unit("s")
                .with_description(
                    "From an event's acceptance to its success at an endpoint, by lane.",
                )
                .build(),
            wait: meter
                .f64_histogram("posthaste.accept_to_dispatch")
                .with_unit("s")
                .with_description(
                    "From an event's acceptance to a dispatcher's taking its delivery, by lane.",
                )
                .build(),
            in_flight: meter
                .i64_up_down_counter("posthaste.attempts.in_flight")
                .with_description("Attempts under way.")
                .build(),
            put_off: meter
                .u64_counter("posthaste.attempts.put_off")
                .with_description("Deliveries that were sent back to the queues, by reason.")
                .build(),
            in_hand: meter
                .i64_up_down_counter("posthaste.deliveries.in_hand")
                .with_description("Deliveries taken from the queues and not yet done with.")
                .build(),
        }
    }

    /// An attempt is under way until this is dropped.
    pub(crate) fn begin(&self) -> Counted {
        Counted::one(&self.in_flight)
    }

    /// A delivery is in our hands until this is dropped. The queues count messages; this counts
    /// what is in them.
    pub(crate) fn take(&self) -> Counted {
        Counted::one(&self.in_hand)
    }

    pub(crate) fn ended(&self, outcome: Outcome, observed: Observed, took: Duration) {
        let labels = self.count_attempts(1, outcome_name(outcome), status_class(observed));
        self.duration.record(took.as_secs_f64(), &labels);
    }

    fn count_attempts(
        &self,
        count: u64,
        outcome: &'static str,
        class: &'static str,
    ) -> [KeyValue; 2] {
        let labels = [
            KeyValue::new("outcome", outcome),
            KeyValue::new("status_class", class),
        ];
        self.attempts.add(count, &labels);
        labels
    }

    /// A delivery of this lane arrived so long after its event was accepted.
    pub(crate) fn arrived(&self, after: Duration, lane: Lane) {
        let lane = KeyValue::new("lane", lane.as_str());
        self.arrival.record(after.as_secs_f64(), &[lane]);
    }

    /// A delivery that has not been tried was taken so long after its event was accepted.
    pub(crate) fn waited(&self, after: Duration, lane: Lane) {
        let lane = KeyValue::new("lane", lane.as_str());
        self.wait.record(after.as_secs_f64(), &[lane]);
    }

    pub(crate) fn put_off(&self, why: PutOff) {
        self.count_put_off(1, why);
    }

    fn count_put_off(&self, count: u64, why: PutOff) {
        let reason = KeyValue::new("reason", why.as_str());
        self.put_off.add(count, &[reason]);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.of.add(-1, self.label.as_slice());
    }
}

const DELIVERED: &str = "delivered";
const FAILED: &str = "failed";

/// The name of an outcome in metrics and logs.
pub(crate) const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => DELIVERED,
        Outcome::Gone => "gone",
        Outcome::Failed { .. } => FAILED,
    }
}

const fn status_class(observed: Observed) -> &'static str {
    match observed {
        Observed::Answered { status, .. } => match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        },
        Observed::Failed(failure) => failure.as_str(),
    }
}
