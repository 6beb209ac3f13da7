//! A delivery's spans and an attempt's one line in the log.
//!
//! **Invariant:** of a URL only the origin is shown; payloads, secrets, headers and answers never
//! are.

use broker::Delivered;
use broker::topology::Route;
use domain::delivery::Settled;
use domain::dispatch::Dispatch;
use domain::outcome::{Observed, Outcome};
use domain::trace::TraceContext;
use service::trace::{Hop, Step};

use crate::directory::Target;
use crate::egress::Attempted;
use crate::metrics::outcome_name;

/// The span of a delivery in our hands, from its arrival until it stands confirmed elsewhere.
pub(crate) fn taken(dispatch: &Dispatch, message: &Delivered) -> Hop {
    Hop::within(&dispatch.content.trace, || {
        let (exchange, key) = (&message.exchange, &message.routing_key);
        identified(Step::process(exchange, key, &message.queue), dispatch)
    })
}

/// The span of an attempt within the delivery's; linked to the attempt before, which may have been
/// hours ago and in another process.
///
/// Names: <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span>. The path
/// of a URL is left out as its query is: receivers keep secrets in both.
pub(crate) fn attempting(taken: &Hop, dispatch: &Dispatch, target: &Target) -> Hop {
    taken.child(|| {
        let url = &target.endpoint.url;
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or_default();
        let attempt = dispatch.due.attempt.get();
        let step = Step::request("POST")
            .with("server.address", host)
            .with("server.port", i64::from(port))
            .with(
                "url.full",
                format!("{}/", url.origin().ascii_serialization()),
            )
            .after(dispatch.attempt_before);
        let step = identified(step, dispatch);
        if attempt > 1 {
            step.with("http.request.resend_count", i64::from(attempt - 1))
        } else {
            step
        }
    })
}

/// The span of something that is published within the delivery's trace.
pub(crate) fn publishing(within: &TraceContext, route: &Route) -> Hop {
    Hop::within(within, || {
        Step::publish(route.template()).of("messaging.destination.name", route)
    })
}

fn identified(step: Step, dispatch: &Dispatch) -> Step {
    let attempt = i64::from(dispatch.due.attempt.get());
    step.of("posthaste.event.id", dispatch.content.event)
        .of("posthaste.tenant.id", dispatch.content.tenant)
        .of("posthaste.delivery.id", dispatch.due.delivery.id)
        .of("posthaste.endpoint.id", dispatch.due.delivery.endpoint)
        .with("posthaste.attempt", attempt)
}

/// Ends the span, and writes the line.
pub(crate) fn attempt_finished(
    mut hop: Hop,
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
        hop.note("http.response.status_code", i64::from(status));
    }
    if outcome != Outcome::Delivered {
        match (status, failure) {
            (Some(status), _) => hop.failed(status.to_string()),
            (None, failure) => hop.failed(failure.unwrap_or_default()),
        }
    }
    let (next, wait) = match settled {
        Settled::Delivered(_) => ("none", None),
        Settled::Waiting(waiting) => ("retry", Some(waiting.wait.total())),
        Settled::Dead(dead) => (dead.reason.as_str(), None),
    };
    tracing::info!(
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
        trace_id = dispatch.content.trace.trace_id(),
        span_id = hop.id().map(tracing::field::display),
        "attempt finished"
    );
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
