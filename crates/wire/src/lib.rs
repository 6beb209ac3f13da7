//! The messages between services, as bytes: `proto/` is their source, and prost is known here
//! alone.
//!
//! A message is a [`batch`] of items. Each item is decoded by itself, into the types of `domain`
//! and nothing looser: what isn't valid there is a [`DecodeError`], and the caller parks that item
//! while its neighbours go on.
//!
//! **Invariant:** a payload's bytes are never looked at here. They are a `bytes` field, sliced out
//! of the message without a copy.

pub mod batch;

pub mod accepted;
pub mod breaker;
pub mod dispatch;
pub mod inbox;
pub mod report;
pub mod watermark;

mod field;

pub use field::DecodeError;

mod proto {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::allow_attributes_without_reason,
        clippy::doc_markdown,
        reason = "generated from proto/, where the documentation is"
    )]
    include!(concat!(env!("OUT_DIR"), "/posthaste.v1.rs"));
}

/// The content type of every body of ours.
pub const CONTENT_TYPE: &str = "application/x-protobuf";

/// The AMQP `type` of a message: what its items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    /// One event of a publisher.
    InboxEvent,
    /// Events of a publisher.
    InboxBatch,
    /// Accepted events, from ingest to fan-out.
    Accepted,
    /// Deliveries, to the dispatchers.
    Dispatch,
    /// Reports, to the recorder.
    Report,
    /// How far lanes have been taken, to the recorder.
    Watermark,
    /// How circuit breakers stand, to the recorder.
    Breakers,
}

impl MessageType {
    /// The text of the AMQP property.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InboxEvent => "posthaste.v1.Event",
            Self::InboxBatch => "posthaste.v1.EventBatch",
            Self::Accepted => "posthaste.v1.Batch+AcceptedEvent",
            Self::Dispatch => "posthaste.v1.Batch+Dispatch",
            Self::Report => "posthaste.v1.Batch+Report",
            Self::Watermark => "posthaste.v1.Batch+Watermark",
            Self::Breakers => "posthaste.v1.Batch+Breaker",
        }
    }

    /// The type of this text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::InboxEvent,
            Self::InboxBatch,
            Self::Accepted,
            Self::Dispatch,
            Self::Report,
            Self::Watermark,
            Self::Breakers,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == name)
    }
}
