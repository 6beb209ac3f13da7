//! What is timed: the wait for a connection, which is where a record that is too slow or away is
//! felt first.

use std::time::Duration;

use opentelemetry::metrics::Histogram;
use opentelemetry::{KeyValue, global};

/// The crate's instruments.
pub(crate) struct Metrics {
    wait: Histogram<f64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let wait = global::meter("posthaste")
            .f64_histogram("posthaste.store.connection.wait")
            .with_description("The wait for a connection to Postgres, by how it ended")
            .with_unit("s")
            .build();
        Self { wait }
    }

    /// Somebody waited so long for a connection and got this.
    pub(crate) fn waited<T, E>(&self, took: Duration, got: &Result<T, E>) {
        let outcome = if got.is_ok() { "connected" } else { "failed" };
        let outcome = KeyValue::new("outcome", outcome);
        self.wait.record(took.as_secs_f64(), &[outcome]);
    }
}
