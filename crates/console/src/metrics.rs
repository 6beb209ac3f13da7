//! What the console counts beside its requests: the deliveries that it publishes.

use opentelemetry::global;
use opentelemetry::metrics::{Counter, Gauge};

/// The instruments. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Replays being worked on here.
    pub(crate) replays: Gauge<u64>,
    /// Deliveries that replays made and the broker has confirmed.
    pub(crate) replayed: Counter<u64>,
    /// Held deliveries that were published again.
    pub(crate) released: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("posthaste");
        let counter = |name, description| {
            let counter = meter.u64_counter(name).with_description(description);
            let counter = counter.with_unit("{delivery}").build();
            // There from the start, so that the first one is seen as an increase.
            counter.add(0, &[]);
            counter
        };
        let replays = meter
            .u64_gauge("posthaste.replays.active")
            .with_description("Replays that this console works on.")
            .with_unit("{replay}")
            .build();
        replays.record(0, &[]);
        Self {
            replays,
            replayed: counter(
                "posthaste.replay.deliveries",
                "Deliveries that replays made and the broker has confirmed.",
            ),
            released: counter(
                "posthaste.released.deliveries",
                "Held deliveries that were published again.",
            ),
        }
    }
}
