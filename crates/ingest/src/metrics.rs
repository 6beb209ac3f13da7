//! What ingest counts.

use domain::fairness::Class;
use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};

use crate::batcher::NotAccepted;
use crate::check::Reason;

/// By which way an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// HTTP.
    Http,
    /// The inbox queue.
    Inbox,
}

impl Way {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Inbox => "inbox",
        }
    }
}

/// What a schema says of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It satisfies it.
    Ok,
    /// It violates it, and that is recorded.
    Warned,
    /// It violates it, and the event was refused.
    Refused,
    /// The schema can't be used by this version.
    Unchecked,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Ok, Self::Warned, Self::Refused, Self::Unchecked];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warned => "warned",
            Self::Refused => "refused",
            Self::Unchecked => "unchecked",
        }
    }
}

/// The instruments. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    accepted: Counter<u64>,
    refused: Counter<u64>,
    not_accepted: Counter<u64>,
    checked: Counter<u64>,
    batch: Histogram<u64>,
}

impl Metrics {
    /// Instruments of the process' meter.
    pub(crate) fn new() -> Self {
        let metrics = Self::instruments();
        // There from the start, so that the first one is seen as an increase.
        for way in [Way::Http, Way::Inbox] {
            for reason in NotAccepted::ALL {
                metrics.count_not_accepted(0, way, reason);
            }
        }
        for verdict in Verdict::ALL {
            metrics.count_checked(0, verdict);
        }
        metrics
    }

    fn instruments() -> Self {
        let meter = global::meter("posthaste");
        Self {
            accepted: meter
                .u64_counter("posthaste.ingest.accepted")
                .with_description("Events that the broker has confirmed, by way and lane.")
                .build(),
            refused: meter
                .u64_counter("posthaste.ingest.refused")
                .with_description("Events that were refused, by reason.")
                .build(),
            not_accepted: meter
                .u64_counter("posthaste.ingest.not_accepted")
                .with_description("Events that were in order and could not be accepted, by reason.")
                .build(),
            checked: meter
                .u64_counter("posthaste.ingest.schema.checked")
                .with_description("Events whose type has a schema, by its verdict.")
                .build(),
            batch: meter
                .u64_histogram("posthaste.ingest.batch.events")
                .with_description("Events in one message to fan-out.")
                .with_unit("{event}")
                .with_boundaries(vec![1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 256.0])
                .build(),
        }
    }

    /// An event was accepted.
    pub(crate) fn accepted(&self, way: Way, class: Class) {
        let labels = [
            KeyValue::new("way", way.as_str()),
            KeyValue::new("lane", class.as_str()),
        ];
        self.accepted.add(1, &labels);
    }

    /// An event was refused.
    pub(crate) fn refused(&self, way: Way, reason: Reason) {
        let labels = [
            KeyValue::new("way", way.as_str()),
            KeyValue::new("reason", reason.as_str()),
        ];
        self.refused.add(1, &labels);
    }

    /// An event that is in order could not be accepted.
    pub(crate) fn not_accepted(&self, way: Way, error: NotAccepted) {
        self.count_not_accepted(1, way, error);
    }

    fn count_not_accepted(&self, count: u64, way: Way, error: NotAccepted) {
        let labels = [
            KeyValue::new("way", way.as_str()),
            KeyValue::new("reason", error.as_str()),
        ];
        self.not_accepted.add(count, &labels);
    }

    /// A payload was held against the schema of its type.
    pub(crate) fn checked(&self, verdict: Verdict) {
        self.count_checked(1, verdict);
    }

    fn count_checked(&self, count: u64, verdict: Verdict) {
        let label = KeyValue::new("verdict", verdict.as_str());
        self.checked.add(count, &[label]);
    }

    /// A message of so many events was published.
    pub(crate) fn published(&self, events: usize) {
        self.batch
            .record(u64::try_from(events).unwrap_or(u64::MAX), &[]);
    }
}
