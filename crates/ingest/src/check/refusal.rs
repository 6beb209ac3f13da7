//! Why an event is refused.

use std::fmt;

use domain::schema::Violation;

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
    /// How the payload violates the schema of its type, where that is the reason. `pointer` says
    /// where the payload stands.
    pub(crate) violations: Vec<Violation>,
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
    /// Its payload violates the schema of its type.
    Schema,
    /// It is a delivery of ours, sent back to where events come in.
    Loop,
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
            Self::Schema => "schema",
            Self::Loop => "loop",
        }
    }
}

impl Refusal {
    /// A refusal for this reason.
    pub(crate) fn new(reason: Reason, pointer: &'static str, detail: impl Into<String>) -> Self {
        Self {
            reason,
            pointer,
            detail: detail.into(),
            violations: Vec::new(),
        }
    }

    /// A member is missing or out of bounds.
    pub(crate) fn invalid(pointer: &'static str, detail: impl fmt::Display) -> Self {
        Self::new(Reason::Invalid, pointer, detail.to_string())
    }

    /// It can't be read at all.
    pub(crate) fn malformed(detail: impl fmt::Display) -> Self {
        Self::new(Reason::Malformed, "", detail.to_string())
    }

    /// Its payload violates the schema of its type.
    pub(crate) fn violating(violations: Vec<Violation>) -> Self {
        let detail = "the payload violates the schema of its event type";
        Self {
            violations,
            ..Self::new(Reason::Schema, "#/data", detail)
        }
    }

    /// The members at fault, each with what is wrong with it.
    pub(crate) fn faults(&self) -> Vec<(String, &str)> {
        let within = |one: &Violation| format!("{}{}", self.pointer, one.pointer);
        let violations = self.violations.iter();
        let mut faults: Vec<_> = violations.map(|one| (within(one), &*one.detail)).collect();
        if faults.is_empty() && !self.pointer.is_empty() {
            faults.push((self.pointer.to_owned(), &self.detail));
        }
        faults
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer {
            "" => f.write_str(&self.detail)?,
            pointer => write!(f, "{pointer}: {}", self.detail)?,
        }
        let mut mark = ':';
        for Violation { pointer, detail } in &self.violations {
            write!(f, "{mark} {}{pointer} {detail}", self.pointer)?;
            mark = ';';
        }
        Ok(())
    }
}
