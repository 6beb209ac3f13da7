//! An OpenTelemetry collector: it takes spans and metrics over OTLP/gRPC and keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A span as it was exported; ids are in lower-case hex.
#[derive(Debug, Clone)]
pub struct Span {
    /// The `service.name` of its process.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// Its part in the exchange.
    pub kind: SpanKind,
    /// Its trace.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span that it is within; empty for a root.
    pub parent: String,
    /// The traces and spans that it is linked to.
    pub links: Vec<(String, String)>,
    /// What is known of it, as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether it failed.
    pub failed: bool,
}

/// A metric as it was exported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// The `service.name` of its process.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// What it is counted in.
    pub unit: String,
}

/// A collector on loopback. Dropping it closes the port.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    kept: Keeper,
    _server: AbortOnDropHandle<()>,
}

impl Collector {
    /// Listens.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("loopback has free ports");
        let address = listener.local_addr();
        let address = address.expect("a bound listener has an address");
        let kept = Keeper::default();
        let traces = TraceServiceServer::new(kept.clone());
        let metrics = MetricsServiceServer::new(kept.clone());
        let server = async move {
            let incoming = TcpIncoming::from(listener);
            let server = Server::builder().add_service(traces).add_service(metrics);
            // It ends with the test.
            let _ = server.serve_with_incoming(incoming).await;
        };
        Self {
            address,
            kept,
            _server: AbortOnDropHandle::new(tokio::spawn(server)),
        }
    }

    /// What a process is to be told: `http://127.0.0.1:…`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every span of this trace so far, in the order of arrival.
    #[must_use]
    pub fn trace(&self, trace: &str) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| span.trace == trace);
        spans
    }

    /// Every span so far, in the order of arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let spans = self.kept.spans.lock();
        spans.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every metric so far.
    #[must_use]
    pub fn metrics(&self) -> BTreeSet<Metric> {
        let metrics = self.kept.metrics.lock();
        metrics.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Debug, Clone, Default)]
struct Keeper {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<BTreeSet<Metric>>>,
}

#[tonic::async_trait]
impl MetricsService for Keeper {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let exported = request.into_inner().resource_metrics;
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        for of_process in exported {
            let mut facts = attributes(of_process.resource.unwrap_or_default().attributes);
            let service = facts.remove("service.name").unwrap_or_default();
            let scopes = of_process.scope_metrics.into_iter();
            metrics.extend(scopes.flat_map(|scope| scope.metrics).map(|metric| Metric {
                service: service.clone(),
                name: metric.name,
                unit: metric.unit,
            }));
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Keeper {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let exported = request.into_inner().resource_spans;
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.extend(exported.into_iter().flat_map(of_process));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn of_process(exported: ResourceSpans) -> impl Iterator<Item = Span> {
    let resource = exported.resource.unwrap_or_default();
    let mut facts = attributes(resource.attributes);
    let service = facts.remove("service.name").unwrap_or_default();
    let spans = exported.scope_spans.into_iter();
    spans.flat_map(|scope| scope.spans).map(move |span| Span {
        service: service.clone(),
        kind: span.kind(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: span
            .links
            .iter()
            .map(|link| (hex(&link.trace_id), hex(&link.span_id)))
            .collect(),
        failed: span
            .status
            .is_some_and(|status| status.code() == StatusCode::Error),
        attributes: attributes(span.attributes),
        name: span.name,
    })
}

fn attributes(given: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    given
        .into_iter()
        .map(|fact| (fact.key, text(fact.value)))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
