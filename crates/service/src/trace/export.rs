//! The way of spans to a collector.
//!
//! They leave in batches, from a thread of their own that holds a bounded number of them. While the
//! collector hangs, what comes on top is dropped: telemetry never waits in the way of a delivery.

use std::fmt;

use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

/// Where a collector takes spans over HTTP, below its endpoint.
/// Source: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>.
const TRACES: &str = "v1/traces";

/// How spans travel to the collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OtlpProtocol {
    /// gRPC, mostly at port 4317.
    #[default]
    Grpc,
    /// Protobuf over HTTP, mostly at port 4318; `/v1/traces` is added to the endpoint.
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

/// Which spans go where.
pub(crate) struct Exporting<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) protocol: OtlpProtocol,
    /// Of the traces that begin here, 0 to 1.
    pub(crate) share: f64,
}

/// An exporter that can't be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot send traces to {endpoint:?} by {protocol}")]
pub struct ExportError {
    endpoint: String,
    protocol: OtlpProtocol,
    source: ExporterBuildError,
}

/// Starts the thread; nothing is connected yet.
pub(crate) fn tracing_to(
    exporting: &Exporting<'_>,
    resource: Resource,
) -> Result<SdkTracerProvider, ExportError> {
    let exporter = exporter(exporting).map_err(|source| ExportError {
        endpoint: exporting.endpoint.to_owned(),
        protocol: exporting.protocol,
        source,
    })?;
    let share = Sampler::TraceIdRatioBased(exporting.share);
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(share)))
        .with_resource(resource)
        .build())
}

fn exporter(exporting: &Exporting<'_>) -> Result<SpanExporter, ExporterBuildError> {
    let endpoint = exporting.endpoint;
    match exporting.protocol {
        OtlpProtocol::Grpc => SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build(),
        OtlpProtocol::HttpProtobuf => SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/{TRACES}", endpoint.trim_end_matches('/')))
            .build(),
    }
}
