//! What is counted and timed: bounded by the number of our exchanges and of outcomes.

use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};

use crate::publisher::error::PublishError;
use crate::topology::exchange;

/// The crate's instruments.
#[derive(Clone)]
pub(crate) struct Metrics {
    published: Counter<u64>,
    confirm: Histogram<f64>,
    lost: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("posthaste");
        let published = meter
            .u64_counter("posthaste.broker.publishes")
            .with_description("Publishes by exchange and outcome")
            .build();
        let lost = meter
            .u64_counter("posthaste.broker.connections.lost")
            .with_description("Connections that ended without being asked to")
            .build();
        // There from the start, so that the first one is seen as an increase.
        for purpose in ["publish", "consume"] {
            lost.add(0, &[KeyValue::new("purpose", purpose)]);
        }
        for exchange in exchange::ALL {
            for error in PublishError::ALL {
                let labels = [
                    KeyValue::new("exchange", exchange),
                    KeyValue::new("outcome", error.as_str()),
                ];
                published.add(0, &labels);
            }
        }
        Self {
            published,
            confirm: meter
                .f64_histogram("posthaste.broker.confirm.duration")
                .with_description("From a publish to its confirm, waits for a place included")
                .with_unit("s")
                .build(),
            lost,
        }
    }

    /// A publish has ended after so long. Only what was confirmed is timed: the rest ends at its
    /// deadline.
    pub(crate) fn published(
        &self,
        exchange: &'static str,
        outcome: &Result<(), PublishError>,
        took: Duration,
    ) {
        let exchange = KeyValue::new("exchange", exchange);
        if outcome.is_ok() {
            let exchange = std::slice::from_ref(&exchange);
            self.confirm.record(took.as_secs_f64(), exchange);
        }
        let outcome = outcome.map_or_else(PublishError::as_str, |()| "confirmed");
        self.published
            .add(1, &[exchange, KeyValue::new("outcome", outcome)]);
    }

    /// A connection that was for this (`publish` or `consume`) has ended.
    pub(crate) fn lost(&self, purpose: &'static str) {
        self.lost.add(1, &[KeyValue::new("purpose", purpose)]);
    }
}
