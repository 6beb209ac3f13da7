//! The span of a request, in the trace of whoever sent it.

use axum::http::{HeaderMap, StatusCode};
use domain::trace::TraceContext;
use service::trace::{Hop, Step};

use crate::check;

/// A request on its way to its answer.
pub(super) struct Traced {
    hop: Hop,
    /// What its events carry on, unless they have a trace of their own.
    pub(super) context: TraceContext,
}

impl Traced {
    /// Begins where a publisher's request comes in; without a trace in its headers it begins one.
    pub(super) fn begin(headers: &HeaderMap, route: &'static str) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let came_with = check::trace(text("traceparent"), text("tracestate"));
        let hop = Hop::first(&came_with, || Step::answer("POST", route));
        let context = hop.context().unwrap_or(came_with);
        Self { hop, context }
    }

    /// Ends with the answer. A refusal is the publisher's failure and not ours.
    /// Source: <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status>.
    pub(super) fn answered(mut self, status: StatusCode) {
        let code = status.as_u16();
        self.hop.note("http.response.status_code", i64::from(code));
        if status.is_server_error() {
            self.hop.failed(code.to_string());
        }
    }
}
