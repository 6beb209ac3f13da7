//! What fan-out counts.

use std::time::Duration;

use domain::fairness::Class;
use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};
use store::events::{Fingerprint, Verdict};

/// The instruments. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Events by what the record said of them.
    pub(crate) events: Counter<u64>,
    /// Deliveries published and confirmed.
    deliveries: Counter<u64>,
    /// Filters of which it could not be known whether they hold.
    pub(crate) unjudged: Counter<u64>,
    /// Events that were passed on to the bulk lane.
    pub(crate) moved: Counter<u64>,
    /// Seconds from a batch's oldest acceptance to its messages in hand.
    wait: Histogram<f64>,
    /// Items and messages that could not be decoded.
    pub(crate) parked: Counter<u64>,
    /// Events in a batch.
    pub(crate) batch: Histogram<u64>,
    /// Seconds from the messages in hand to their acknowledgement, rests included.
    pub(crate) duration: Histogram<f64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self::instruments();
        // There from the start, so that the first one is seen as an increase.
        for counter in [&metrics.unjudged, &metrics.moved, &metrics.parked] {
            counter.add(0, &[]);
        }
        metrics
    }

    fn instruments() -> Self {
        let meter = global::meter("posthaste");
        Self {
            events: meter
                .u64_counter("posthaste.fanout.events")
                .with_description("Events fanned out, by what the record said of them")
                .with_unit("{event}")
                .build(),
            deliveries: meter
                .u64_counter("posthaste.fanout.deliveries")
                .with_description("Deliveries published to the dispatchers, by lane")
                .with_unit("{delivery}")
                .build(),
            unjudged: meter
                .u64_counter("posthaste.fanout.filters.unjudged")
                .with_description("Filters of which it could not be known whether they hold")
                .with_unit("{filter}")
                .build(),
            moved: meter
                .u64_counter("posthaste.fanout.moved")
                .with_description("Events that were passed on to the bulk lane")
                .with_unit("{event}")
                .build(),
            wait: meter
                .f64_histogram("posthaste.fanout.wait")
                .with_description(
                    "From the acceptance of a batch's oldest event to fan-out, by lane",
                )
                .with_unit("s")
                .build(),
            parked: meter
                .u64_counter("posthaste.fanout.parked")
                .with_description("Items and messages that could not be decoded")
                .with_unit("{item}")
                .build(),
            batch: meter
                .u64_histogram("posthaste.fanout.batch.events")
                .with_description("Events in a batch")
                .with_unit("{event}")
                .with_boundaries(vec![1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0])
                .build(),
            duration: meter
                .f64_histogram("posthaste.fanout.duration")
                .with_description("From a batch in hand to its acknowledgement, rests included")
                .with_unit("s")
                .build(),
        }
    }

    /// So many deliveries are confirmed on this lane.
    pub(crate) fn published(&self, deliveries: usize, class: Class) {
        let lane = KeyValue::new("lane", class.as_str());
        self.deliveries.add(whole(deliveries), &[lane]);
    }

    /// The oldest event of a batch has waited so long on this lane.
    pub(crate) fn waited(&self, wait: Duration, class: Class) {
        let lane = KeyValue::new("lane", class.as_str());
        self.wait.record(wait.as_secs_f64(), &[lane]);
    }

    /// Counts an event under what the record said of it.
    pub(crate) fn count_event(&self, verdict: &Verdict) {
        let name = match verdict {
            Verdict::New => "new",
            Verdict::Redelivered { .. } => "redelivered",
            Verdict::Repeat {
                fingerprint: Fingerprint::Same,
            } => "repeat",
            Verdict::Repeat {
                fingerprint: Fingerprint::Different,
            } => "conflict",
        };
        self.events.add(1, &[KeyValue::new("verdict", name)]);
    }
}

/// A count as the instruments take it.
pub(crate) fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
