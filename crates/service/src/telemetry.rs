//! Logs, traces and metrics of a process.
//!
//! What a line in the log says of an item, it says in fields; the spans of items are made by
//! [`crate::trace`].

use std::io::{BufWriter, IsTerminal, Write};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::Registry;
use tracing::{Level, Metadata, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::export::{Collector, ExportError, OtlpProtocol};
use crate::trace;

/// What is logged unless told otherwise.
pub const DEFAULT_LOG: &str = "info";

/// How many lines may wait to be written; a further one is dropped, and counted.
const WAITING_LINES: usize = 16_384;

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
    /// Whether metrics are sent to the collector too. `/metrics` has them in any case.
    #[arg(
        long,
        global = true,
        env = "OTEL_METRICS_EXPORTER",
        value_enum,
        default_value_t
    )]
    pub otlp_metrics: MetricsExporter,
    /// How spans and metrics are sent.
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

/// Where metrics are sent. The names are OpenTelemetry's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum MetricsExporter {
    /// Nowhere: they are fetched.
    #[default]
    None,
    /// To the collector, once a minute, or as often as `OTEL_METRIC_EXPORT_INTERVAL` says in
    /// milliseconds.
    Otlp,
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
    /// An exporter can't be made.
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
    /// Writes what waits when it is dropped, within a second or so.
    _lines: WorkerGuard,
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
        let collector = config.otlp_endpoint.as_deref().map(|endpoint| Collector {
            endpoint,
            protocol: config.otlp_protocol,
        });
        let metrics_to = collector.filter(|_| config.otlp_metrics == MetricsExporter::Otlp);
        let meter = meter(&registry, metrics_to, resource.clone())?;
        let tracer = collector
            .map(|collector| collector.traces(config.trace_share, resource))
            .transpose()?;
        let (writer, guard) = writer(std::io::stderr());
        let dropped = writer.error_counter();
        tracing_subscriber::registry()
            .with(filter(&config.log)?)
            .with(lines(config.log_format, writer))
            .try_init()?;
        if let Some(provider) = &tracer {
            trace::record_with(provider.tracer("posthaste"));
        }
        global::set_meter_provider(meter.clone());
        count(dropped);
        Ok(Self {
            tracer,
            meter,
            registry,
            _lines: guard,
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

fn meter(
    registry: &Registry,
    collector: Option<Collector<'_>>,
    resource: Resource,
) -> Result<SdkMeterProvider, TelemetryError> {
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .build()
        .map_err(TelemetryError::Metrics)?;
    let mut meter = SdkMeterProvider::builder()
        .with_reader(exporter)
        .with_view(crate::buckets::seconds)
        .with_resource(resource);
    if let Some(collector) = collector {
        meter = meter.with_periodic_exporter(collector.metrics()?);
    }
    Ok(meter.build())
}

/// Lines are written by a thread of their own, many at once: a log that takes nothing, since its disk
/// is full or its reader stands still, keeps no delivery waiting.
fn writer(to: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING_LINES)
        .thread_name("log")
        .finish(BufWriter::new(to))
}

fn count(dropped: ErrorCounter) {
    global::meter("service")
        .u64_observable_counter("posthaste.log.dropped")
        .with_description("Lines of the log that could not be written")
        .with_callback(move |counter| {
            counter.observe(
                u64::try_from(dropped.dropped_lines()).unwrap_or(u64::MAX),
                &[],
            );
        })
        .build();
}

/// Lines go to standard error: standard output belongs to the command line's answers.
fn lines<S>(format: LogFormat, writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer()
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal());
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc;

    use super::*;

    /// A log that takes nothing until it is let go.
    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Whether it is let go by a word or by an end.
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_takes_nothing_keeps_nobody_waiting() {
        let (let_go, stuck) = mpsc::sync_channel::<()>(0);
        let (mut writer, guard) = writer(Stuck(stuck));
        let dropped = writer.error_counter();
        for _ in 0..3 * WAITING_LINES {
            writer.write_all(b"a line\n").unwrap();
        }
        assert!(dropped.dropped_lines() > WAITING_LINES);
        drop(let_go);
        drop(guard);
    }
}
