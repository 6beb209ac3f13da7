//! What platforms publish to the queue as protobuf. The fields are checked by ingest, by the same
//! rules as the members of an HTTP request.

use bytes::Bytes;
use prost::Message;

use crate::field::DecodeError;
use crate::proto;

/// An event as its publisher sent it, unchecked. Empty texts stand for members left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboxEvent {
    /// The tenant's id or external id.
    pub tenant: String,
    /// The event type.
    pub event: String,
    /// The payload as published.
    pub data: Bytes,
    /// When it happened.
    pub timestamp: String,
    /// The publisher's own id.
    pub id: String,
    /// The channels.
    pub channels: Vec<String>,
}

/// Encodes an event as a publisher would.
#[must_use]
pub fn encode(event: &InboxEvent) -> Bytes {
    let InboxEvent {
        tenant,
        event,
        data,
        timestamp,
        id,
        channels,
    } = event.clone();
    proto::Event {
        tenant,
        event,
        data,
        timestamp,
        id,
        channels,
    }
    .encode_to_vec()
    .into()
}

/// Encodes several events as one message.
#[must_use]
pub fn encode_batch(events: &[InboxEvent]) -> Bytes {
    let events = events.iter().map(encode).collect();
    proto::EventBatch { events }.encode_to_vec().into()
}

/// Decodes an event.
///
/// # Errors
/// When the bytes are no `posthaste.v1.Event`.
pub fn decode(body: Bytes) -> Result<InboxEvent, DecodeError> {
    let proto::Event {
        tenant,
        event,
        data,
        timestamp,
        id,
        channels,
    } = proto::Event::decode(body)?;
    Ok(InboxEvent {
        tenant,
        event,
        data,
        timestamp,
        id,
        channels,
    })
}

/// Takes the events out of a `posthaste.v1.EventBatch`, not decoded yet.
///
/// # Errors
/// When the bytes are no such batch.
pub fn split_batch(body: Bytes) -> Result<Vec<Bytes>, DecodeError> {
    Ok(proto::EventBatch::decode(body)?.events)
}
