//! The W3C trace context that an item carries from its publisher to its receiver.

use std::fmt;
use std::num::NonZeroU64;

/// `traceparent` and `tracestate` as their publisher sent them, or those of the span by which the
/// item was passed on.
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

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;

impl TraceContext {
    /// Whether whoever began the trace decided to record it. Cheap: it is asked of every item at
    /// every hop, and of most the answer is no.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        let flags = self.traceparent.get(53..55);
        flags
            .and_then(|flags| u8::from_str_radix(flags, 16).ok())
            .is_some_and(|flags| flags & SAMPLED != 0)
    }

    /// The trace's id in lower-case hex, for a line in a log; none where there is no trace.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.get(3..35)
    }
}

/// A span of an item's trace, by which another span of the same trace can name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// The id of these bits; none where they are all zero, which no span has.
    #[must_use]
    pub const fn new(bits: u64) -> Option<Self> {
        match NonZeroU64::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// The bits; big-endian, they are the bytes of the specification.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

/// Sixteen digits of lower-case hex, as in a `traceparent`.
impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true)]
    #[case("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", true)]
    #[case("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", false)]
    #[case("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02", false)]
    #[case("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true)]
    #[case("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-", false)]
    #[case("", false)]
    fn the_flags_say_whether_it_is_recorded(#[case] traceparent: &str, #[case] sampled: bool) {
        let context = TraceContext {
            traceparent: traceparent.to_owned(),
            tracestate: String::new(),
        };
        assert_eq!(context.is_sampled(), sampled);
        let id = (!traceparent.is_empty()).then_some("0af7651916cd43dd8448eb211c80319c");
        assert_eq!(context.trace_id(), id);
    }

    #[test]
    fn no_span_has_the_id_zero() {
        assert_eq!(SpanId::new(0), None);
        let seven = SpanId::new(7).unwrap();
        assert_eq!(
            (seven.get(), seven.to_string()),
            (7, "0000000000000007".into())
        );
    }
}
