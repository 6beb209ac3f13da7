//! What the recorder counts.

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};
use store::dead_letters::DeadLetterKind;

/// The instruments. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Reports taken in.
    pub(crate) reports: Counter<u64>,
    /// Reports in a batch.
    pub(crate) batch: Histogram<u64>,
    /// Items and messages that could not be decoded or recorded.
    pub(crate) parked: Counter<u64>,
    /// Items that are tried once more alone.
    pub(crate) quarantined: Counter<u64>,
    /// Dead letters kept, by kind.
    pub(crate) letters: Counter<u64>,
    /// Operational events published.
    pub(crate) told: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("posthaste");
        let counter = |name, description, unit| {
            meter
                .u64_counter(name)
                .with_description(description)
                .with_unit(unit)
                .build()
        };
        // There from the start, so that the first one is seen as an increase.
        let seen = |counter: Counter<u64>| {
            counter.add(0, &[]);
            counter
        };
        let letters = counter(
            "posthaste.recorder.dead_letters",
            "Dead letters kept, by kind",
            "{letter}",
        );
        for kind in DeadLetterKind::ALL {
            letters.add(0, &[KeyValue::new("kind", kind.as_str())]);
        }
        Self {
            reports: seen(counter(
                "posthaste.recorder.reports",
                "Reports of the dispatchers taken in",
                "{report}",
            )),
            batch: meter
                .u64_histogram("posthaste.recorder.batch.reports")
                .with_description("Reports in a batch")
                .with_unit("{report}")
                .with_boundaries(vec![1.0, 5.0, 25.0, 100.0, 250.0, 500.0, 1_000.0, 4_000.0])
                .build(),
            parked: seen(counter(
                "posthaste.recorder.parked",
                "Items and messages that could not be decoded or recorded",
                "{item}",
            )),
            quarantined: seen(counter(
                "posthaste.recorder.quarantined",
                "Items of messages that came back too often, each tried once more alone",
                "{item}",
            )),
            letters,
            told: seen(counter(
                "posthaste.recorder.operational_events",
                "Operational events published",
                "{event}",
            )),
        }
    }
}

/// A count as the instruments take it.
pub(crate) fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
