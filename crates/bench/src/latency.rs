//! How long events took from their acceptance to their arrival.

use std::time::Duration;

use serde_json::{Value, json};

use crate::receiver::Arrival;
use crate::table::{millis, quantile};

/// What a series of arrivals took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) arrivals: usize,
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    pub(crate) most: Option<Duration>,
}

impl Latency {
    pub(crate) fn of(arrivals: &[Arrival]) -> Self {
        let mut sorted: Vec<_> = arrivals
            .iter()
            .map(|one| Duration::from_micros(one.latency_us))
            .collect();
        sorted.sort_unstable();
        Self {
            arrivals: sorted.len(),
            p50: quantile(&sorted, 0.5),
            p99: quantile(&sorted, 0.99),
            most: sorted.last().copied(),
        }
    }

    /// This p99 as a multiple of another's; none when either has no arrivals.
    pub(crate) fn ratio(&self, to: &Self) -> Option<f64> {
        let (own, other) = (self.p99?, to.p99?);
        (!other.is_zero()).then(|| own.as_secs_f64() / other.as_secs_f64())
    }

    /// A row of a table with the columns of [`head`].
    pub(crate) fn row(&self, name: &str, ratio: Option<f64>) -> String {
        format!(
            "{name:24} {:>9} {:>10} {:>10} {:>10} {:>8}",
            self.arrivals,
            millis(self.p50),
            millis(self.p99),
            millis(self.most),
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
        )
    }

    pub(crate) fn json(&self, name: &str, ratio: Option<f64>) -> Value {
        let ms = |one: Option<Duration>| one.map(|one| one.as_secs_f64() * 1e3);
        json!({
            "run": name,
            "arrivals": self.arrivals,
            "p50_ms": ms(self.p50),
            "p99_ms": ms(self.p99),
            "max_ms": ms(self.most),
            "p99_ratio": ratio,
        })
    }
}

/// The head of a table of latencies.
pub(crate) fn head(first: &str) -> String {
    format!(
        "{first:24} {:>9} {:>10} {:>10} {:>10} {:>8}",
        "arrived", "p50", "p99", "max", "p99 ×"
    )
}
