//! What an event type's schema is for, and how a payload may violate it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What becomes of an event whose payload violates the schema of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaMode {
    /// Nothing: payloads are not checked.
    Off,
    /// It is accepted, and the violation is recorded with it.
    Warn,
    /// It is refused.
    Enforce,
}

impl SchemaMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Warn, Self::Enforce];

    /// The mode of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}

/// One way in which a payload violates a schema.
///
/// **Invariant:** no value of the payload stands here; names of its members do, in the pointer.
/// Bounded by [`crate::limits::VIOLATION_POINTER_BYTES`] and
/// [`crate::limits::VIOLATION_DETAIL_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Where in the payload: a JSON pointer, percent-encoded as in a URI fragment, without `#`.
    /// Empty for the payload as a whole.
    pub pointer: String,
    /// The schema's keyword, and what it asks for.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}: {}", self.pointer, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_names() {
        for mode in SchemaMode::ALL {
            assert_eq!(SchemaMode::from_name(mode.as_str()), Some(mode));
        }
        assert_eq!(SchemaMode::from_name("Enforce"), None);
    }
}
