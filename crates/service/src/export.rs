//! The way of spans and metrics to a collector.
//!
//! Spans leave in batches, from a thread of their own that holds a bounded number of them; metrics
//! leave as they stand once a minute, from another. While the collector hangs, what comes on top is
//! dropped: telemetry never waits in the way of a delivery.

use std::fmt;

use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

/// Where a collector takes spans and metrics over HTTP, below its endpoint.
/// Source: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>.
const TRACES: &str = "v1/traces";
const METRICS: &str = "v1/metrics";

/// How spans and metrics travel to the collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OtlpProtocol {
    /// gRPC, mostly at port 4317.
    #[default]
    Grpc,
    /// Protobuf over HTTP, mostly at port 4318; `/v1/traces` and `/v1/metrics` are added to the
    /// endpoint.
    #[value(name = "http/protobuf")]
    HttpProtobuf,
}

impl fmt::Display for OtlpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
        })
    }
}

/// Where telemetry goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collector<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) protocol: OtlpProtocol,
}

/// An exporter that can't be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot send telemetry to {endpoint:?} by {protocol}")]
pub struct ExportError {
    endpoint: String,
    protocol: OtlpProtocol,
    source: ExporterBuildError,
}

impl Collector<'_> {
    /// Starts the spans' thread; nothing is connected yet. Of the traces that begin here, this share
    /// is recorded, 0 to 1.
    pub(crate) fn traces(
        &self,
        share: f64,
        resource: Resource,
    ) -> Result<SdkTracerProvider, ExportError> {
        let exporter = match self.protocol {
            OtlpProtocol::Grpc => SpanExporter::builder()
                .with_tonic()
                .with_endpoint(self.endpoint)
                .build(),
            OtlpProtocol::HttpProtobuf => SpanExporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(self.below(TRACES))
                .build(),
        };
        let exporter = exporter.map_err(|source| self.failed(source))?;
        let share = Sampler::TraceIdRatioBased(share);
        Ok(SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_resource(resource)
            .build())
    }

    /// What metrics are sent by; nothing is connected yet.
    pub(crate) fn metrics(&self) -> Result<MetricExporter, ExportError> {
        let exporter = match self.protocol {
            OtlpProtocol::Grpc => MetricExporter::builder()
                .with_tonic()
                .with_endpoint(self.endpoint)
                .build(),
            OtlpProtocol::HttpProtobuf => MetricExporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(self.below(METRICS))
                .build(),
        };
        exporter.map_err(|source| self.failed(source))
    }

    fn below(&self, path: &str) -> String {
        format!("{}/{path}", self.endpoint.trim_end_matches('/'))
    }

    fn failed(&self, source: ExporterBuildError) -> ExportError {
        ExportError {
            endpoint: self.endpoint.to_owned(),
            protocol: self.protocol,
            source,
        }
    }
}
