//! Why an event is refused.

use std::fmt;

/// Why an event is refused, in the form that every way in can answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// For machines.
    pub(crate) reason: Reason,
    /// The member at fault: a JSON pointer as a URI fragment, or `header:` and a name. Empty where
    /// it is the whole.
    pub(crate) pointer: &'static str,
    /// For people: what is wrong, and what to do.
    pub(crate) detail: String,
}

/// Why an event is refused, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// It can't be read.
    Malformed,
    /// A member is missing, unknown or out of bounds.
    Invalid,
    /// It is too large.
    TooLarge,
    /// Its tenant is not known, or not to this publisher.
    UnknownTenant,
    /// The same key came with another payload.
    Conflict,
    /// Its content type is none of ours.
    UnsupportedType,
}

impl Reason {
    /// The name in headers and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::UnknownTenant => "unknown_tenant",
            Self::Conflict => "conflict",
            Self::UnsupportedType => "unsupported_type",
        }
    }
}

impl Refusal {
    /// A member is missing or out of bounds.
    pub(crate) fn invalid(pointer: &'static str, detail: impl fmt::Display) -> Self {
        Self {
            reason: Reason::Invalid,
            pointer,
            detail: detail.to_string(),
        }
    }

    /// It can't be read at all.
    pub(crate) fn malformed(detail: impl fmt::Display) -> Self {
        Self {
            reason: Reason::Malformed,
            pointer: "",
            detail: detail.to_string(),
        }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer {
            "" => f.write_str(&self.detail),
            pointer => write!(f, "{pointer}: {}", self.detail),
        }
    }
}
