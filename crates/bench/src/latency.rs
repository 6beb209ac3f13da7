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
    pub(crate) p90: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    pub(crate) p999: Option<Duration>,
    pub(crate) most: Option<Duration>,
}

impl Latency {
    /// Since the events were accepted.
    pub(crate) fn of(arrivals: &[Arrival]) -> Self {
        Self::from_micros(arrivals.iter().map(|one| one.latency_us))
    }

    /// Since they were to be sent; of those that tell when.
    pub(crate) fn since_sent(arrivals: &[Arrival]) -> Self {
        Self::from_micros(arrivals.iter().filter_map(|one| one.since_sent_us))
    }

    fn from_micros(micros: impl Iterator<Item = u64>) -> Self {
        Self::of_durations(micros.map(Duration::from_micros).collect())
    }

    /// Of anything that takes time.
    pub(crate) fn of_durations(mut sorted: Vec<Duration>) -> Self {
        sorted.sort_unstable();
        Self {
            arrivals: sorted.len(),
            p50: quantile(&sorted, 0.5),
            p90: quantile(&sorted, 0.9),
            p99: quantile(&sorted, 0.99),
            p999: quantile(&sorted, 0.999),
            most: sorted.last().copied(),
        }
    }

    /// Of several runs of the same: all their arrivals, the medians of their quantiles, and the
    /// longest of all.
    pub(crate) fn median(runs: &[Self]) -> Self {
        let median = |of: fn(&Self) -> Option<Duration>| {
            let mut all: Vec<_> = runs.iter().filter_map(of).collect();
            all.sort_unstable();
            quantile(&all, 0.5)
        };
        Self {
            arrivals: runs.iter().map(|run| run.arrivals).sum(),
            p50: median(|run| run.p50),
            p90: median(|run| run.p90),
            p99: median(|run| run.p99),
            p999: median(|run| run.p999),
            most: runs.iter().filter_map(|run| run.most).max(),
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
            "{name:24} {:>9} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8}",
            self.arrivals,
            millis(self.p50),
            millis(self.p90),
            millis(self.p99),
            millis(self.p999),
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
            "p90_ms": ms(self.p90),
            "p99_ms": ms(self.p99),
            "p999_ms": ms(self.p999),
            "max_ms": ms(self.most),
            "p99_ratio": ratio,
        })
    }
}

/// The head of a table of latencies.
pub(crate) fn head(first: &str) -> String {
    format!(
        "{first:24} {:>9} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8}",
        "arrived", "p50", "p90", "p99", "p99.9", "max", "p99 ×"
    )
}
