//! Events: what a platform published, with what ingest added.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::event_type::EventType;
use crate::id::{EventId, IngestId, TenantId};
use crate::limits;
use crate::schema::Violation;
use crate::trace::TraceContext;

/// An event that ingest has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event's id, and every delivery's `webhook-id`.
    pub id: EventId,
    /// This acceptance; a publisher's repeat has the same `id` and another `ingest_id`.
    pub ingest_id: IngestId,
    /// Whose event it is.
    pub tenant: TenantId,
    /// What kind of event it is.
    pub event_type: EventType,
    /// The payload: JSON text, byte for byte as published.
    pub data: Bytes,
    /// When it happened: the publisher's word, else the instant of acceptance. UTC.
    pub timestamp: OffsetDateTime,
    /// When ingest accepted it; its UTC day is the partition of all its rows.
    pub accepted_at: OffsetDateTime,
    /// Labels that a subscription can select on, at most [`limits::CHANNELS`].
    pub channels: Vec<Channel>,
    /// Where its id comes from.
    pub identity: Identity,
    /// How its payload violates the schema of its type, where violations are recorded; at most
    /// [`limits::VIOLATIONS`].
    pub violations: Vec<Violation>,
    /// The publisher's trace.
    pub trace: TraceContext,
}

/// Where an event's id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Minted at acceptance: nothing can repeat it but a redelivery of our own.
    Minted,
    /// Derived from the publisher's key: a repeat is possible and must not be delivered twice.
    Keyed {
        /// SHA-256 over type and payload: the same key with another fingerprint is a conflict.
        fingerprint: [u8; 32],
    },
}

impl Identity {
    /// That of an event whose id is derived from its publisher's key.
    #[must_use]
    pub fn keyed(event_type: &EventType, data: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(event_type.as_str().as_bytes());
        // No event type holds a line end, so type and payload can't run into one another.
        hash.update(b"\n");
        hash.update(data);
        Self::Keyed {
            fingerprint: hash.finalize().into(),
        }
    }
}

/// A label on an event: ASCII letters, digits, `_`, `-`, `.` and `:`, at most
/// [`limits::CHANNEL_LENGTH`] of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Channel(Box<str>);

impl Channel {
    /// The label as published.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a channel is 1 to {} letters, digits and the characters _ - . :",
    limits::CHANNEL_LENGTH
)]
pub struct ParseChannelError;

impl FromStr for Channel {
    type Err = ParseChannelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
        if (1..=limits::CHANNEL_LENGTH).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(ParseChannelError)
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("region:eu-1", true)]
    #[case("a", true)]
    #[case("", false)]
    #[case("two words", false)]
    #[case("a\n", false)]
    #[case("é", false)]
    fn channels(#[case] text: &str, #[case] good: bool) {
        assert_eq!(text.parse::<Channel>().is_ok(), good);
    }

    #[test]
    fn a_channel_is_bounded() {
        assert!(
            "a".repeat(limits::CHANNEL_LENGTH)
                .parse::<Channel>()
                .is_ok()
        );
        assert!(
            "a".repeat(limits::CHANNEL_LENGTH + 1)
                .parse::<Channel>()
                .is_err()
        );
    }
}
