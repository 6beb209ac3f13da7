//! What is counted: bounded by the number of our exchanges and of outcomes.

use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};

use crate::publisher::error::PublishError;

/// The crate's instruments.
#[derive(Clone)]
pub(crate) struct Metrics {
    published: Counter<u64>,
    lost: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("posthaste");
        Self {
            published: meter
                .u64_counter("posthaste.broker.publishes")
                .with_description("Publishes by exchange and outcome")
                .build(),
            lost: meter
                .u64_counter("posthaste.broker.connections.lost")
                .with_description("Connections that ended without being asked to")
                .build(),
        }
    }

    pub(crate) fn published(&self, exchange: &'static str, outcome: &Result<(), PublishError>) {
        let outcome = match outcome {
            Ok(()) => "confirmed",
            Err(PublishError::Unroutable) => "unroutable",
            Err(PublishError::Refused) => "refused",
            Err(PublishError::Unknown) => "unknown",
            Err(PublishError::Unavailable) => "unavailable",
        };
        let labels = [
            KeyValue::new("exchange", exchange),
            KeyValue::new("outcome", outcome),
        ];
        self.published.add(1, &labels);
    }

    /// A connection that was for this (`publish` or `consume`) has ended.
    pub(crate) fn lost(&self, purpose: &'static str) {
        self.lost.add(1, &[KeyValue::new("purpose", purpose)]);
    }
}
