//! Dispatches: deliveries on their way from fan-out through the queues to a dispatcher.

use std::sync::Arc;

use bytes::Bytes;
use time::OffsetDateTime;

use crate::delivery::Due;
use crate::event::Event;
use crate::event_type::EventType;
use crate::id::{EventId, TenantId};
use crate::limits;
use crate::tier::Wait;
use crate::trace::{SpanId, TraceContext};

/// The header that every delivery has, and that no event may come in with: an endpoint whose URL is
/// a way in would make an event of each delivery, and a delivery of each event, for ever.
pub const HOPS_HEADER: &str = "webhook-hops";

/// What a delivery carries of its event; shared by all deliveries of the event in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The event, and the `webhook-id` that the receiver sees.
    pub event: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What kind of event it is.
    pub event_type: EventType,
    /// When it happened, in UTC.
    pub timestamp: OffsetDateTime,
    /// When it was accepted; its UTC day is the partition of all its rows.
    pub accepted_at: OffsetDateTime,
    /// The payload, or where it is.
    pub payload: Payload,
    /// The publisher's trace.
    pub trace: TraceContext,
}

/// The event's trace goes on: an attempt is part of it, and not of the batch that its event happened
/// to travel in.
impl From<&Event> for Content {
    fn from(event: &Event) -> Self {
        Self {
            event: event.id,
            tenant: event.tenant,
            event_type: event.event_type.clone(),
            timestamp: event.timestamp,
            accepted_at: event.accepted_at,
            payload: Payload::of(&event.data),
            trace: event.trace.clone(),
        }
    }
}

/// The payload of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// JSON text, byte for byte as published.
    Inline(Bytes),
    /// In the event's row, since it is larger than [`limits::INLINE_PAYLOAD_BYTES`].
    Stored,
}

impl Payload {
    /// How these bytes travel: by reference, if they are larger than
    /// [`limits::INLINE_PAYLOAD_BYTES`].
    #[must_use]
    pub fn of(data: &Bytes) -> Self {
        if data.len() > limits::INLINE_PAYLOAD_BYTES {
            Self::Stored
        } else {
            Self::Inline(data.clone())
        }
    }
}

/// One delivery in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// What it carries.
    pub content: Arc<Content>,
    /// The attempt to make.
    pub due: Due,
    /// How long to wait before it is made.
    pub wait: Wait,
    /// Whether another dispatcher may be making it.
    pub custody: Custody,
    /// How often its endpoint's gate has sent it away to wait: for want of room, by its circuit
    /// breaker, or by its rate limit.
    pub overflows: u32,
    /// The span of the attempt before, where that was recorded.
    pub attempt_before: Option<SpanId>,
}

/// Whether another copy of this attempt may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Custody {
    /// There is none but this one and the broker's redeliveries of it.
    Sole,
    /// Fan-out had the event before, and may have published this delivery then.
    Repeated,
    /// A dispatcher was making the attempt when its patience ended and handed this copy to the
    /// queue: whether the attempt was settled must be asked before anything is sent.
    HandedOver,
}
