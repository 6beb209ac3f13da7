//! Drafts: an event as its publisher sent it, read but not judged.

use bytes::Bytes;
use domain::trace::TraceContext;

/// An event as its publisher sent it. Its payload is well-formed JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    /// How it was written.
    pub(crate) form: Form,
    /// The tenant's id or external id; none where the publisher has only one.
    pub(crate) tenant: Option<String>,
    /// The event type.
    pub(crate) event: String,
    /// The payload, byte for byte.
    pub(crate) data: Bytes,
    /// When it happened.
    pub(crate) timestamp: Option<String>,
    /// The publisher's own id.
    pub(crate) id: Option<String>,
    /// The channels.
    pub(crate) channels: Vec<String>,
    /// The publisher's trace.
    pub(crate) trace: TraceContext,
}

/// How an event was written, which decides what its members are called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// With members of our own names, in JSON or protobuf.
    #[default]
    Native,
    /// A CloudEvent in structured mode.
    CloudEvent,
    /// A CloudEvent in binary mode.
    CloudEventHeaders,
}

impl Form {
    /// Where that member stands which a native event has at this pointer.
    pub(crate) fn pointer(self, native: &'static str) -> &'static str {
        match (self, native) {
            (Self::CloudEvent, "#/event") => "#/type",
            (Self::CloudEvent, "#/timestamp") => "#/time",
            (Self::CloudEventHeaders, "#/event") => "header:ce-type",
            (Self::CloudEventHeaders, "#/timestamp") => "header:ce-time",
            (Self::CloudEventHeaders, "#/tenant") => "header:ce-tenant",
            (Self::CloudEventHeaders, "#/id") => "header:ce-id",
            (Self::CloudEventHeaders, "#/data") => "#",
            (_, same) => same,
        }
    }
}

/// The longest trace header that is carried on, in bytes (the specification asks for 512 of
/// `tracestate`). Source: <https://www.w3.org/TR/trace-context/#tracestate-limits>.
const TRACE_BYTES: usize = 512;

impl Draft {
    /// The same, with the trace that came beside it. A trace of its own is kept: the one beside it
    /// may be of a hop between.
    pub(crate) fn traced(self, beside: TraceContext) -> Self {
        if !self.trace.traceparent.is_empty() {
            return self;
        }
        Self {
            trace: beside,
            ..self
        }
    }
}

/// The trace of these headers; none where they don't tell one.
pub(crate) fn trace(traceparent: Option<&str>, tracestate: Option<&str>) -> TraceContext {
    let fits = |text: &&str| text.len() <= TRACE_BYTES && text.is_ascii();
    match traceparent.filter(fits).filter(|text| is_traceparent(text)) {
        Some(traceparent) => TraceContext {
            traceparent: traceparent.to_owned(),
            tracestate: tracestate.filter(fits).unwrap_or_default().to_owned(),
        },
        None => TraceContext::default(),
    }
}

/// `version-traceid-parentid-flags` in lower-case hex; a version above the first may have more.
/// Source: <https://www.w3.org/TR/trace-context/#traceparent-header>.
fn is_traceparent(text: &str) -> bool {
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let is_hex = |part: &str, length| part.len() == length && part.bytes().all(hex);
    let is_some = |part: &str| part.bytes().any(|b| b != b'0');
    let mut parts = text.splitn(5, '-');
    let mut part = || parts.next().unwrap_or_default();
    let (version, trace, parent, flags, more) = (part(), part(), part(), part(), part());
    is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && is_some(trace)
        && is_hex(parent, 16)
        && is_some(parent)
        && is_hex(flags, 2)
        && (version != "00" || more.is_empty())
}
