//! Members of a change: left out, given as null, or given.

use serde::{Deserialize, Deserializer};

/// A member of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Given<T> {
    /// It is left out: what was there stays.
    #[default]
    Nothing,
    /// It is null: what was there goes.
    Null,
    /// It is this.
    Value(T),
}

impl<T> Given<T> {
    /// What is there after the change.
    pub(crate) fn over(self, seen: Option<T>) -> Option<T> {
        match self {
            Self::Nothing => seen,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    pub(super) fn try_map<U, E>(self, map: impl FnOnce(T) -> Result<U, E>) -> Result<Given<U>, E> {
        Ok(match self {
            Self::Nothing => Given::Nothing,
            Self::Null => Given::Null,
            Self::Value(value) => Given::Value(map(value)?),
        })
    }
}

/// Only what is there is asked for: a member that is left out takes the default.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let there = Option::deserialize(deserializer)?;
        Ok(there.map_or(Self::Null, Self::Value))
    }
}
