//! Logs, traces and metrics of a process.
//!
//! What a line in the log says of an item, it says in fields; the spans of items are made by
//! [`crate::trace`].

use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::Registry;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::trace::{self, ExportError, Exporting, OtlpProtocol};

/// What is logged unless told otherwise.
pub const DEFAULT_LOG: &str = "info";

/// How long the last spans may take to leave at the end of the process.
const FLUSH: Duration = Duration::from_secs(5);

/// What a process says of itself, and where.
#[derive(Debug, Clone, clap::Args)]
pub struct TelemetryConfig {
    /// What is logged: levels by module, such as `info,dispatcher=debug`.
    #[arg(long, global = true, env = "POSTHASTE_LOG", default_value = DEFAULT_LOG)]
    pub log: String,
    /// The form of a log line.
    #[arg(
        long,
        global = true,
        env = "POSTHASTE_LOG_FORMAT",
        value_enum,
        default_value_t
    )]
    pub log_format: LogFormat,
    /// The OTLP collector that spans are sent to, such as `http://localhost:4317`; without it no
    /// spans are recorded, and a publisher's trace passes through unchanged.
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// How spans are sent.
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_PROTOCOL",
        value_enum,
        default_value_t
    )]
    pub otlp_protocol: OtlpProtocol,
    /// The share of traces that begin here and are recorded, 0 to 1; a publisher's own decision
    /// goes before it.
    #[arg(
        long,
        global = true,
        env = "POSTHASTE_TRACE_SHARE",
        default_value = "1",
        value_parser = share
    )]
    pub trace_share: f64,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0 to 1".to_owned())
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines, one object a line.
    Json,
}

/// Telemetry that could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter can't be read.
    #[error("invalid log filter {filter:?}")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The spans' exporter can't be made.
    #[error(transparent)]
    Exporter(#[from] ExportError),
    /// The metrics can't be registered.
    #[error("metrics can't be registered")]
    Metrics(#[source] opentelemetry_sdk::error::OTelSdkError),
    /// A subscriber is set already.
    #[error("logging was started twice")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// The telemetry of this process while it runs.
#[derive(Debug)]
pub struct Telemetry {
    tracer: Option<SdkTracerProvider>,
    meter: SdkMeterProvider,
    registry: Registry,
}

impl Telemetry {
    /// Starts logging, tracing and metrics for the whole process. Call once, inside the runtime.
    ///
    /// # Errors
    /// When a setting can't be used, or when telemetry was started before.
    pub fn start(config: &TelemetryConfig, role: &'static str) -> Result<Self, TelemetryError> {
        let resource = Resource::builder()
            .with_service_name(format!("posthaste-{role}"))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let registry = Registry::new();
        let meter = meter(&registry, resource.clone())?;
        let exporting = config.otlp_endpoint.as_deref().map(|endpoint| Exporting {
            endpoint,
            protocol: config.otlp_protocol,
            share: config.trace_share,
        });
        let tracer = exporting
            .map(|exporting| trace::tracing_to(&exporting, resource))
            .transpose()?;
        tracing_subscriber::registry()
            .with(filter(&config.log)?)
            .with(lines(config.log_format))
            .try_init()?;
        if let Some(provider) = &tracer {
            trace::record_with(provider.tracer("posthaste"));
        }
        global::set_meter_provider(meter.clone());
        Ok(Self {
            tracer,
            meter,
            registry,
        })
    }

    /// Where `/metrics` reads from.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Sends what is left, within a few seconds. What can't be sent is dropped: the process is
    /// ending.
    pub fn flush(self) {
        if let Some(tracer) = self.tracer
            && let Err(error) = tracer.shutdown_with_timeout(FLUSH)
        {
            tracing::warn!(%error, "the last spans were not sent");
        }
        if let Err(error) = self.meter.shutdown() {
            tracing::debug!(%error, "the meter did not shut down");
        }
    }
}

/// lapin logs a message that comes back with its body: payloads don't belong into logs.
const SILENCED: &str = "lapin::returned_messages=off";

/// Whether a line shows nothing of what passes through, whatever the operator asks for: the
/// library of Postgres logs the parameters of statements, and those of HTTP and AMQP, at their
/// finest, the frames.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let library = metadata.target().split("::").next();
    let finest = match library {
        Some("tokio_postgres") => Level::INFO,
        Some("h2" | "hyper" | "hyper_util" | "lapin" | "reqwest" | "rustls") => Level::DEBUG,
        Some(_) | None => Level::TRACE,
    };
    *metadata.level() <= finest
}

fn filter(log: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(format!("{log},{SILENCED}"))
        .map_err(|source| TelemetryError::Filter {
            filter: log.to_owned(),
            source,
        })
}

fn meter(registry: &Registry, resource: Resource) -> Result<SdkMeterProvider, TelemetryError> {
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .build()
        .map_err(TelemetryError::Metrics)?;
    Ok(SdkMeterProvider::builder()
        .with_reader(exporter)
        .with_view(crate::buckets::seconds)
        .with_resource(resource)
        .build())
}

/// Lines go to standard error: standard output belongs to the command line's answers.
fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let stderr = std::io::stderr;
    let layer = fmt::layer()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    let discreet = filter_fn(is_discreet);
    match format {
        LogFormat::Text => layer.with_target(false).with_filter(discreet).boxed(),
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_filter(discreet)
            .boxed(),
    }
}
