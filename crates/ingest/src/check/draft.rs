//! Drafts: an event as its publisher sent it, read but not judged.

use bytes::Bytes;
use domain::trace::TraceContext;

/// An event as its publisher sent it. Its payload is well-formed JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Draft {
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

/// The longest trace header that is carried on, in bytes (the specification asks for 512 of
/// `tracestate`). Source: <https://www.w3.org/TR/trace-context/#tracestate-limits>.
const TRACE_BYTES: usize = 512;

impl Draft {
    /// The same, with the trace that came beside it, as far as it is one.
    pub(crate) fn traced(mut self, traceparent: Option<&str>, tracestate: Option<&str>) -> Self {
        let fits = |text: &&str| text.len() <= TRACE_BYTES && text.is_ascii();
        if let Some(traceparent) = traceparent.filter(fits).filter(|text| is_traceparent(text)) {
            self.trace = TraceContext {
                traceparent: traceparent.to_owned(),
                tracestate: tracestate.filter(fits).unwrap_or_default().to_owned(),
            };
        }
        self
    }
}

/// `version-traceid-parentid-flags` in lower-case hex, of at least the first version's length.
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    [2, 32, 16, 2].iter().all(|length| {
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        parts
            .next()
            .is_some_and(|part| part.len() == *length && part.bytes().all(hex))
    })
}
