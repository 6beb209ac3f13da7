//! An attempt's span and its one line in the log.
//!
//! **Invariant:** of a URL only the host is shown; payloads, secrets and answers never are.

use domain::delivery::Settled;
use domain::dispatch::Dispatch;
use domain::outcome::{Observed, Outcome};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::directory::Target;
use crate::egress::Attempted;
use crate::metrics::outcome_name;

/// The span of an attempt, within its publisher's trace.
///
/// Names: <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span>.
pub(crate) fn attempt_span(dispatch: &Dispatch, target: &Target) -> Span {
    let url = &target.endpoint.url;
    let attempt = dispatch.due.attempt.get();
    let span = tracing::info_span!(
        "POST",
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = "POST",
        http.request.resend_count = Empty,
        http.response.status_code = Empty,
        error.type = Empty,
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
    );
    if attempt > 1 {
        span.record("http.request.resend_count", attempt - 1);
    }
    let parent = service::trace::context(&dispatch.content.trace);
    // Without a tracer there is nothing to be a child of.
    let _ = span.set_parent(parent);
    span
}

/// Completes the span, and writes the line.
pub(crate) fn attempt_finished(
    span: &Span,
    dispatch: &Dispatch,
    attempted: &Attempted,
    outcome: Outcome,
    settled: Settled,
) {
    let (status, failure) = match attempted.observed {
        Observed::Answered { status, .. } => (Some(status), None),
        Observed::Failed(failure) => (None, Some(failure.as_str())),
    };
    if let Some(status) = status {
        span.record("http.response.status_code", status);
    }
    if outcome != Outcome::Delivered {
        span.record("otel.status_code", "ERROR");
        match (status, failure) {
            (Some(status), _) => span.record("error.type", status.to_string()),
            (None, failure) => span.record("error.type", failure),
        };
    }
    let (next, wait) = match settled {
        Settled::Delivered(_) => ("none", None),
        Settled::Waiting(waiting) => ("retry", Some(waiting.wait.total())),
        Settled::Dead(dead) => (dead.reason.as_str(), None),
    };
    tracing::info!(
        parent: span,
        delivery.id = %dispatch.due.delivery.id,
        event.id = %dispatch.content.event,
        endpoint.id = %dispatch.due.delivery.endpoint,
        tenant.id = %dispatch.content.tenant,
        attempt = dispatch.due.attempt.get(),
        outcome = outcome_name(outcome),
        status,
        failure,
        duration_ms = millis(attempted.duration),
        next,
        wait_ms = wait.map(millis),
        "attempt finished"
    );
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
