//! The buckets of every histogram of times.
//!
//! OpenTelemetry's own are made for milliseconds: with seconds nearly everything would be in the
//! first one.

use opentelemetry_sdk::metrics::{Aggregation, Instrument, InstrumentKind, Stream};

/// Upper bounds in seconds: from a hop between processes over an attempt to the last retry.
const SECONDS: [f64; 19] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0, 1_800.0, 7_200.0, 36_000.0,
];

/// A view that gives histograms of seconds these buckets, and leaves everything else alone.
pub(crate) fn seconds(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram || instrument.unit() != "s" {
        return None;
    }
    let aggregation = Aggregation::ExplicitBucketHistogram {
        boundaries: SECONDS.to_vec(),
        record_min_max: false,
    };
    let stream = Stream::builder().with_aggregation(aggregation).build();
    Some(stream.expect("the boundaries are in order"))
}

#[cfg(test)]
mod tests {
    use opentelemetry::metrics::MeterProvider;
    use opentelemetry_sdk::metrics::SdkMeterProvider;
    use prometheus::{Registry, TextEncoder};

    use super::*;

    #[test]
    fn times_have_our_buckets_and_counts_their_own() {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone());
        let provider = SdkMeterProvider::builder()
            .with_reader(exporter.build().unwrap())
            .with_view(seconds)
            .build();
        let meter = provider.meter("test");
        let time = meter.f64_histogram("wait").with_unit("s").build();
        time.record(0.003, &[]);
        let count = meter.u64_histogram("batch").with_boundaries(vec![7.0]);
        count.build().record(3, &[]);

        let text = TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        let bucket = |name: &str, le: &str| {
            let found = text
                .lines()
                .find(|line| line.starts_with(name) && line.contains(&format!("le=\"{le}\"")));
            found.map(|line| line.rsplit(' ').next().unwrap().to_owned())
        };
        assert_eq!(
            bucket("wait_seconds_bucket", "0.0025"),
            Some("0".into()),
            "{text}"
        );
        assert_eq!(
            bucket("wait_seconds_bucket", "0.005"),
            Some("1".into()),
            "{text}"
        );
        assert_eq!(
            bucket("wait_seconds_bucket", "36000"),
            Some("1".into()),
            "{text}"
        );
        assert_eq!(bucket("batch_bucket", "7"), Some("1".into()), "{text}");
        assert_eq!(bucket("batch_bucket", "0.005"), None, "{text}");
    }
}
