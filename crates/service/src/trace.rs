//! W3C trace contexts, between the spans of this process and the items that travel.

use std::collections::HashMap;

use domain::trace::TraceContext;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// The context that an item carries, as a parent or a link for a span; an empty one where the
/// item carries none or one that can't be read.
#[must_use]
pub fn context(carried: &TraceContext) -> Context {
    if carried.traceparent.is_empty() {
        return Context::new();
    }
    let TraceContext {
        traceparent,
        tracestate,
    } = carried.clone();
    let headers = HashMap::from([
        (TRACEPARENT.to_owned(), traceparent),
        (TRACESTATE.to_owned(), tracestate),
    ]);
    TraceContextPropagator::new().extract_with_context(&Context::new(), &headers)
}

/// What an item that leaves this span carries: the span's context, or, where spans aren't
/// recorded, what the item came with.
#[must_use]
pub fn carried_by(span: &Span, came_with: &TraceContext) -> TraceContext {
    let context = span.context();
    if !context.span().span_context().is_valid() {
        return came_with.clone();
    }
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut headers);
    TraceContext {
        traceparent: headers.remove(TRACEPARENT).unwrap_or_default(),
        tracestate: headers.remove(TRACESTATE).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(traceparent: &str) -> TraceContext {
        TraceContext {
            traceparent: traceparent.to_owned(),
            tracestate: String::new(),
        }
    }

    #[test]
    fn a_publishers_context_is_read() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = context(&carried(parent));
        let span = context.span().span_context().clone();
        assert_eq!(
            span.trace_id().to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert!(span.is_sampled());
    }

    #[test]
    fn what_cannot_be_read_starts_no_trace() {
        for text in [
            "",
            "garbage",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        ] {
            assert!(
                !context(&carried(text)).span().span_context().is_valid(),
                "{text}"
            );
        }
    }

    #[test]
    fn without_recorded_spans_the_context_passes_through() {
        let came_with = carried("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(carried_by(&Span::none(), &came_with), came_with);
    }
}
