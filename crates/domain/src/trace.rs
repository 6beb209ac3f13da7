//! The W3C trace context that an item carries from its publisher to its receiver.

/// `traceparent` and `tracestate` as their publisher sent them.
///
/// Kept as text: a context that this version can't read still travels on unharmed.
/// Source: <https://www.w3.org/TR/trace-context/>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// The `traceparent` header, empty where there is none.
    pub traceparent: String,
    /// The `tracestate` header, empty where there is none.
    pub tracestate: String,
}
