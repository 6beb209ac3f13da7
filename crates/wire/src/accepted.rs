//! Accepted events, from ingest to fan-out.

use bytes::Bytes;
use domain::event::{Event, Identity};
use domain::schema::Violation;
use prost::Message;

use crate::field::{self, DecodeError};
use crate::proto;

/// Encodes an event as one item of a batch.
#[must_use]
pub fn encode(event: &Event) -> Bytes {
    let fingerprint = match &event.identity {
        Identity::Minted => Bytes::new(),
        Identity::Keyed { fingerprint } => Bytes::copy_from_slice(fingerprint),
    };
    let message = proto::AcceptedEvent {
        event_id: field::id_bytes(event.id),
        ingest_id: field::id_bytes(event.ingest_id),
        tenant_id: field::id_bytes(event.tenant),
        event_type: event.event_type.as_str().to_owned(),
        data: event.data.clone(),
        timestamp_us: field::micros(event.timestamp),
        accepted_at_us: field::micros(event.accepted_at),
        channels: event.channels.iter().map(ToString::to_string).collect(),
        fingerprint,
        trace: field::proto_trace(&event.trace),
        violations: event.violations.iter().map(proto_violation).collect(),
    };
    message.encode_to_vec().into()
}

/// Decodes one item of a batch.
///
/// # Errors
/// When it is no accepted event.
pub fn decode(item: Bytes) -> Result<Event, DecodeError> {
    let message = proto::AcceptedEvent::decode(item)?;
    let identity = if message.fingerprint.is_empty() {
        Identity::Minted
    } else {
        let fingerprint = message.fingerprint.as_ref().try_into();
        Identity::Keyed {
            fingerprint: fingerprint.map_err(|_| field::invalid("fingerprint"))?,
        }
    };
    let channels = message
        .channels
        .iter()
        .map(|channel| field::parsed(channel, "channels"));
    Ok(Event {
        id: field::id(&message.event_id, "event_id")?,
        ingest_id: field::id(&message.ingest_id, "ingest_id")?,
        tenant: field::id(&message.tenant_id, "tenant_id")?,
        event_type: field::parsed(&message.event_type, "event_type")?,
        data: message.data,
        timestamp: field::instant(message.timestamp_us, "timestamp_us")?,
        accepted_at: field::instant(message.accepted_at_us, "accepted_at_us")?,
        channels: channels.collect::<Result<_, _>>()?,
        identity,
        violations: message.violations.into_iter().map(violation).collect(),
        trace: field::trace(message.trace),
    })
}

fn proto_violation(violation: &Violation) -> proto::Violation {
    proto::Violation {
        pointer: violation.pointer.clone(),
        detail: violation.detail.clone(),
    }
}

fn violation(violation: proto::Violation) -> Violation {
    Violation {
        pointer: violation.pointer,
        detail: violation.detail,
    }
}
