//! Messages as the tests of this crate find them in the dead letters.

use broker::topology::queue;
use broker::{Death, Delivered, Headers, Properties};
use bytes::Bytes;
use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::{Delivery, Due};
use domain::dispatch::{Content, Payload};
use domain::event::{Event, Identity};
use domain::id::{DeliveryId, EndpointId, EventId, IngestId, TenantId};
use domain::report::{Report, Standing};
use domain::trace::TraceContext;
use time::OffsetDateTime;
use uuid::Uuid;
use wire::MessageType;
use wire::dispatch::Target;

/// A message of this kind that came to the dead letters by no queue.
pub(crate) fn message(kind: MessageType, body: Bytes) -> Delivered {
    Delivered {
        body,
        properties: Properties {
            content_type: Some(wire::CONTENT_TYPE.to_owned()),
            kind: Some(kind.as_str().to_owned()),
            message_id: None,
            timestamp: Some(1_764_000_000),
            headers: Headers::new(),
        },
        exchange: "posthaste.dead".to_owned(),
        routing_key: String::new(),
        queue: queue::dead().into(),
        redelivered: false,
        delivery_count: None,
        death: None,
    }
}

/// The same, given up by this queue.
pub(crate) fn given_up(message: Delivered, queue: &str, reason: &str) -> Delivered {
    let death = Death {
        queue: queue.to_owned(),
        reason: reason.to_owned(),
    };
    Delivered {
        death: Some(death),
        ..message
    }
}

pub(crate) fn event(number: u128) -> Event {
    Event {
        id: EventId::from_uuid(Uuid::from_u128(number)),
        ingest_id: IngestId::from_uuid(Uuid::from_u128(2)),
        tenant: TenantId::from_uuid(Uuid::from_u128(3)),
        event_type: "shipment.created".parse().unwrap(),
        data: Bytes::from_static(b"{}"),
        timestamp: OffsetDateTime::UNIX_EPOCH,
        accepted_at: OffsetDateTime::UNIX_EPOCH,
        channels: Vec::new(),
        identity: Identity::Minted,
        violations: Vec::new(),
        trace: TraceContext::default(),
    }
}

pub(crate) fn delivery(number: u128) -> Delivery {
    Delivery {
        id: DeliveryId::from_uuid(Uuid::from_u128(number)),
        endpoint: EndpointId::from_uuid(Uuid::from_u128(number + 1_000)),
        trigger: Trigger::Automatic,
        replay_of: None,
    }
}

/// An item with a delivery of each of these numbers.
pub(crate) fn dispatch(numbers: &[u128]) -> Bytes {
    let event = event(1);
    let content = Content {
        event: event.id,
        tenant: event.tenant,
        event_type: event.event_type,
        timestamp: event.timestamp,
        accepted_at: event.accepted_at,
        payload: Payload::Inline(event.data),
        trace: event.trace,
    };
    let due = |number| Due {
        delivery: delivery(number),
        attempt: AttemptNumber::FIRST,
    };
    let targets: Vec<_> = numbers
        .iter()
        .map(|number| Target::now(due(*number)))
        .collect();
    wire::dispatch::encode(&content, &targets)
}

pub(crate) fn report(number: u128) -> Bytes {
    let event = event(1);
    wire::report::encode(&Report {
        delivery: delivery(number),
        event: event.id,
        event_type: event.event_type,
        tenant: event.tenant,
        accepted_at: event.accepted_at,
        standing: Standing::Delivered {
            attempt: AttemptNumber::FIRST,
        },
        attempt: None,
        at: event.accepted_at,
        trace: TraceContext::default(),
    })
}
