//! Event types, and the patterns that a subscription selects them with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits;

/// The name of a kind of event, such as `shipment.created`.
///
/// Words of ASCII letters, digits and underscores, joined by full stops, of at most
/// [`limits::EVENT_TYPE_LENGTH`] characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(Box<str>);

impl EventType {
    /// The name as published.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseEventTypeError {
    /// It has a character or an empty word that the grammar has no place for.
    #[error(
        "an event type is words of letters, digits and underscores joined by full stops, such as shipment.created"
    )]
    Grammar,
    /// It is longer than [`limits::EVENT_TYPE_LENGTH`].
    #[error("an event type has at most {} characters", limits::EVENT_TYPE_LENGTH)]
    TooLong,
}

impl FromStr for EventType {
    type Err = ParseEventTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > limits::EVENT_TYPE_LENGTH {
            return Err(ParseEventTypeError::TooLong);
        }
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if text.split('.').all(word) {
            Ok(Self(text.into()))
        } else {
            Err(ParseEventTypeError::Grammar)
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which event types a subscription selects.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventTypePattern {
    /// `*`: every type.
    All,
    /// `shipment.*`: every type below the prefix, at any depth, but not the prefix itself.
    Below(EventType),
    /// `shipment.created`: this type alone.
    Exactly(EventType),
}

impl EventTypePattern {
    /// Whether an event of this type is selected.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        match self {
            Self::All => true,
            Self::Below(prefix) => event_type
                .as_str()
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.starts_with('.')),
            Self::Exactly(exact) => exact == event_type,
        }
    }
}

impl FromStr for EventTypePattern {
    type Err = ParseEventTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix(".*") {
            _ if text == "*" => Ok(Self::All),
            Some(prefix) => prefix.parse().map(Self::Below),
            None => text.parse().map(Self::Exactly),
        }
    }
}

impl fmt::Display for EventTypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Below(prefix) => write!(f, "{prefix}.*"),
            Self::Exactly(exact) => write!(f, "{exact}"),
        }
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl Serialize for EventTypePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventTypePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("shipment.created")]
    #[case("a")]
    #[case("A_1.b2.c")]
    #[case("_")]
    fn good_types(#[case] text: &str) {
        assert_eq!(text.parse::<EventType>().unwrap().as_str(), text);
    }

    #[rstest]
    #[case("")]
    #[case(".")]
    #[case("a..b")]
    #[case(".a")]
    #[case("a.")]
    #[case("a.*")]
    #[case("*")]
    #[case("#")]
    #[case("a b")]
    #[case("a/b")]
    #[case("ünder")]
    #[case("a\u{202e}b")]
    #[case("a\0")]
    fn bad_types(#[case] text: &str) {
        assert_eq!(text.parse::<EventType>(), Err(ParseEventTypeError::Grammar));
    }

    #[test]
    fn the_length_is_bounded() {
        assert!(
            "a".repeat(limits::EVENT_TYPE_LENGTH)
                .parse::<EventType>()
                .is_ok()
        );
        assert_eq!(
            "a".repeat(limits::EVENT_TYPE_LENGTH + 1)
                .parse::<EventType>(),
            Err(ParseEventTypeError::TooLong)
        );
    }

    #[rstest]
    #[case("*", "shipment.created", true)]
    #[case("shipment.*", "shipment.created", true)]
    #[case("shipment.*", "shipment.created.late", true)]
    #[case("shipment.*", "shipment", false)]
    #[case("shipment.*", "shipments.created", false)]
    #[case("shipment.created", "shipment.created", true)]
    #[case("shipment.created", "shipment.created.late", false)]
    fn patterns(#[case] pattern: &str, #[case] event_type: &str, #[case] matches: bool) {
        let pattern: EventTypePattern = pattern.parse().unwrap();
        assert_eq!(pattern.matches(&event_type.parse().unwrap()), matches);
    }

    #[rstest]
    #[case("")]
    #[case("**")]
    #[case("*.created")]
    #[case("shipment*")]
    #[case(".*")]
    #[case("shipment.*.late")]
    fn bad_patterns(#[case] text: &str) {
        assert!(text.parse::<EventTypePattern>().is_err());
    }

    proptest! {
        #[test]
        fn a_pattern_prints_as_it_was_read(text in r"(\*|[a-z]{1,3}(\.[a-z]{1,3}){0,3}(\.\*)?)") {
            let pattern: EventTypePattern = text.parse().unwrap();
            prop_assert_eq!(pattern.to_string(), text);
        }
    }
}
