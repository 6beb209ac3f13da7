//! Spans of single items, each within the trace that its item carries.
//!
//! An item is on its way for hours, through many processes, and in messages with many others. So
//! its spans belong to its own trace and to no message's: a [`Hop`] takes the context that came with
//! the item as its parent, and what the item goes on with is the hop's own context.
//!
//! Whether a trace is recorded is decided once, by the publisher or where the event is accepted.
//! An item whose trace is not recorded costs a look at its flags.
//!
//! **Invariant:** a hop knows names, ids and outcomes; nothing here is ever handed a payload, a
//! header's value or a URL.

mod step;

use std::collections::HashMap;
use std::sync::OnceLock;

use domain::trace::{SpanId, TraceContext};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span as _, SpanContext, Status, TraceContextExt, Tracer as _};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, Span};

pub use step::Step;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// The tracer of this process, where it exports spans.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// From now on spans are recorded. Only the first tracer of a process counts.
pub(crate) fn record_with(tracer: SdkTracer) {
    let _ = TRACER.set(tracer);
}

/// One step of an item's way, as a span of the item's trace; nothing where that isn't recorded.
/// The span ends when the hop is dropped.
#[derive(Debug, Default)]
#[must_use = "the span ends when the hop is dropped"]
pub struct Hop(Option<Box<Span>>);

impl Hop {
    /// A hop that is not recorded.
    pub const NONE: Self = Self(None);

    /// Begins a step in the trace that the item carries, if that is recorded.
    pub fn within(carried: &TraceContext, step: impl FnOnce() -> Step) -> Self {
        match TRACER.get() {
            Some(tracer) if carried.is_sampled() => Self::begin(tracer, &parent(carried), step()),
            Some(_) | None => Self::NONE,
        }
    }

    /// The same where events come in: an item without a trace begins one, which is recorded or not
    /// by the share that is configured.
    pub fn first(carried: &TraceContext, step: impl FnOnce() -> Step) -> Self {
        match TRACER.get() {
            Some(tracer) if carried.traceparent.is_empty() => {
                Self::begin(tracer, &Context::new(), step())
            }
            Some(_) | None => Self::within(carried, step),
        }
    }

    /// Begins a step within this one.
    pub fn child(&self, step: impl FnOnce() -> Step) -> Self {
        match (TRACER.get(), self.recorded()) {
            (Some(tracer), Some(span)) => {
                let parent = Context::new().with_remote_span_context(span.span_context().clone());
                Self::begin(tracer, &parent, step())
            }
            (None, _) | (_, None) => Self::NONE,
        }
    }

    fn begin(tracer: &SdkTracer, parent: &Context, step: Step) -> Self {
        let builder = step.within(parent.span().span_context());
        Self(Some(Box::new(tracer.build_with_context(builder, parent))))
    }

    /// What an item carries that goes on from here; none where it goes on with what it came with.
    #[must_use]
    pub fn context(&self) -> Option<TraceContext> {
        self.0.as_deref().map(|span| carried(span.span_context()))
    }

    /// The span by its id; none where it isn't recorded.
    #[must_use]
    pub fn id(&self) -> Option<SpanId> {
        let span = self.recorded()?;
        SpanId::new(u64::from_be_bytes(span.span_context().span_id().to_bytes()))
    }

    /// Adds a fact that was not known when the step began.
    pub fn note(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Says that the step failed, by the class of the failure: never by what somebody sent.
    pub fn failed(&mut self, class: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("error.type", class));
            span.set_status(Status::error(""));
        }
    }

    fn recorded(&self) -> Option<&Span> {
        self.0.as_deref().filter(|span| span.is_recording())
    }
}

/// The context that an item carries, as a parent for a span.
fn parent(carried: &TraceContext) -> Context {
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

fn carried(span: &SpanContext) -> TraceContext {
    let context = Context::new().with_remote_span_context(span.clone());
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut headers);
    TraceContext {
        traceparent: headers.remove(TRACEPARENT).unwrap_or_default(),
        tracestate: headers.remove(TRACESTATE).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
