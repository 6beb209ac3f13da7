//! Attempts: the tries of one delivery, counted by us and by nobody else.

use std::num::NonZeroU16;

/// The number of an attempt, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptNumber(NonZeroU16);

impl AttemptNumber {
    /// The first attempt of a delivery.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// The attempt of this number; none for 0 and for what no policy allows.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        u16::try_from(number)
            .ok()
            .and_then(NonZeroU16::new)
            .map(Self)
    }

    /// The number, from 1.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The attempt after this one. The highest number stays where it is: every policy ends long
    /// before.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Why a delivery exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Its event was published.
    Automatic,
    /// A person or an API call asked for it again.
    Replay,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Self; 2] = [Self::Automatic, Self::Replay];

    /// The trigger of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|trigger| trigger.as_str() == name)
    }

    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Replay => "replay",
        }
    }
}
