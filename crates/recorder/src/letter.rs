//! Dead letters: what is kept of a message that nothing more is done for.

use broker::message::{HeaderValue, Headers, header};
use broker::{Delivered, Properties};
use bytes::Bytes;
use domain::delivery::DeadReason;
use domain::event_type::EventType;
use domain::id::{DeadLetterId, DeliveryId, EndpointId, EventId, TenantId};
use domain::report::{Report, Standing};
use domain::trace::TraceContext;
use serde_json::Value;
use store::dead_letters::{DeadLetterKind, NewDeadLetter};
use time::{Date, OffsetDateTime};
use uuid::Uuid;
use wire::MessageType;

/// Under which dead letters are named.
const NAMESPACE: Uuid = Uuid::from_u128(0x1f5c_7d0a_52a8_4c1e_9d3b_64c0_7ee2_a911);

/// A message that a role gave up, or that came back too often even alone.
pub(crate) fn dead(message: &Delivered) -> NewDeadLetter {
    let letter = letter(message, DeadLetterKind::Poison);
    let was_given_up = DeadReason::from_name(&letter.reason).is_some();
    if was_given_up && letter.delivery.is_some() {
        NewDeadLetter {
            kind: DeadLetterKind::Delivery,
            ..letter
        }
    } else {
        letter
    }
}

/// What the record is told of the delivery that a letter ends: nobody else would report that
/// nothing more is done for it. None for letters of anything but one delivery, and for deliveries
/// whose end was reported when they were given up.
pub(crate) fn end(letter: &NewDeadLetter, now: OffsetDateTime) -> Option<Report> {
    if letter.kind != DeadLetterKind::Poison || letter.delivery.is_none() {
        return None;
    }
    let kind = letter
        .message_kind
        .as_deref()
        .and_then(MessageType::from_name)?;
    if kind != MessageType::Dispatch {
        return None;
    }
    let item = wire::batch::split(letter.body.clone()).ok()?.pop()?;
    let dispatch = wire::dispatch::decode(item).ok()?.pop()?;
    Some(Report {
        delivery: dispatch.due.delivery,
        event: dispatch.content.event,
        event_type: dispatch.content.event_type.clone(),
        tenant: dispatch.content.tenant,
        accepted_at: dispatch.content.accepted_at,
        standing: Standing::Dead {
            attempt: dispatch.due.attempt,
            reason: DeadReason::Poison,
        },
        attempt: None,
        at: now,
        trace: TraceContext::default(),
    })
}

/// A message that came back too often and can't be taken apart.
pub(crate) fn poison(message: &Delivered, reason: &str, detail: &str) -> NewDeadLetter {
    NewDeadLetter {
        reason: reason.to_owned(),
        detail: detail.to_owned(),
        ..letter(message, DeadLetterKind::Poison)
    }
}

/// A message that its publisher got wrong. The broker itself sends here what has a routing key
/// that no queue is bound for, and says nothing.
pub(crate) fn rejected(message: &Delivered) -> NewDeadLetter {
    let letter = letter(message, DeadLetterKind::Rejected);
    if message.properties.headers.text(header::REASON).is_some() {
        return letter;
    }
    let key = &message.routing_key;
    NewDeadLetter {
        reason: "unroutable".to_owned(),
        detail: format!("no queue is bound for the routing key {key:?}"),
        ..letter
    }
}

/// The trace that a message belongs to: its item's, and where it can't be read, what came beside it.
pub(crate) fn trace(message: &Delivered) -> TraceContext {
    let of_item = subject(message).trace;
    if !of_item.traceparent.is_empty() {
        return of_item;
    }
    let text = |name| message.properties.headers.text(name).unwrap_or_default();
    TraceContext {
        traceparent: text("traceparent").to_owned(),
        tracestate: text("tracestate").to_owned(),
    }
}

fn letter(message: &Delivered, kind: DeadLetterKind) -> NewDeadLetter {
    let Properties {
        content_type,
        kind: message_kind,
        message_id,
        headers,
        ..
    } = &message.properties;
    let death = message.death.as_ref();
    let reason = headers.text(header::REASON);
    let reason = reason.or(death.map(|death| death.reason.as_str()));
    let origin = headers.text(header::ORIGIN);
    let origin = origin.or(death.map(|death| death.queue.as_str()));
    let subject = subject(message);
    NewDeadLetter {
        id: id(message),
        kind,
        reason: reason.unwrap_or("unknown").to_owned(),
        detail: headers.text(header::DETAIL).unwrap_or_default().to_owned(),
        origin: origin.unwrap_or_default().to_owned(),
        tenant: subject.tenant,
        event: subject.event,
        delivery: subject.delivery,
        endpoint: subject.endpoint,
        event_type: subject.event_type,
        event_day: subject.event_day,
        content_type: content_type.clone(),
        message_kind: message_kind.clone(),
        message_id: message_id.clone(),
        body: message.body.clone(),
        headers: json(headers),
    }
}

/// Headers as a JSON object.
fn json(headers: &Headers) -> String {
    let members = headers.iter().map(|(name, value)| {
        let value = match value {
            HeaderValue::Text(text) => Value::from(text.as_str()),
            HeaderValue::Number(number) => Value::from(*number),
        };
        (name.to_owned(), value)
    });
    Value::Object(members.collect()).to_string()
}

/// What a message is about, as far as that can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Subject {
    tenant: Option<TenantId>,
    event: Option<EventId>,
    delivery: Option<DeliveryId>,
    endpoint: Option<EndpointId>,
    event_type: Option<EventType>,
    event_day: Option<Date>,
    trace: TraceContext,
}

/// The same for each redelivery of a message. Two messages of the same bytes differ by the id or
/// the second that their publisher gave them, or are one to whoever looks.
fn id(message: &Delivered) -> DeadLetterId {
    let properties = &message.properties;
    let parts = [
        message.queue.as_bytes(),
        properties
            .message_id
            .as_deref()
            .unwrap_or_default()
            .as_bytes(),
        &properties.timestamp.unwrap_or_default().to_be_bytes(),
        &message.body,
    ];
    let mut name = Vec::with_capacity(message.body.len() + 1_024);
    for part in parts {
        name.extend_from_slice(&part.len().to_be_bytes());
        name.extend_from_slice(part);
    }
    DeadLetterId::from_uuid(Uuid::new_v5(&NAMESPACE, &name))
}

/// What a message of a single item is about. A message of several was parked whole because they
/// can't be told apart, and is about nothing in particular.
fn subject(message: &Delivered) -> Subject {
    let kind = message.properties.kind.as_deref();
    let items = wire::batch::split(message.body.clone());
    let item = items.ok().and_then(|mut items| match items.len() {
        1 => items.pop(),
        _ => None,
    });
    match (kind.and_then(MessageType::from_name), item) {
        (Some(MessageType::Accepted), Some(item)) => of_event(item),
        (Some(MessageType::Dispatch), Some(item)) => of_dispatch(item),
        (Some(MessageType::Report), Some(item)) => of_report(item),
        (
            Some(
                MessageType::InboxEvent
                | MessageType::InboxBatch
                | MessageType::Watermark
                | MessageType::Breakers,
            )
            | None,
            _,
        )
        | (_, None) => None,
    }
    .unwrap_or_default()
}

fn of_event(item: Bytes) -> Option<Subject> {
    let event = wire::accepted::decode(item).ok()?;
    Some(Subject {
        tenant: Some(event.tenant),
        event: Some(event.id),
        event_day: Some(event.accepted_at.to_utc().date()),
        event_type: Some(event.event_type),
        trace: event.trace,
        ..Subject::default()
    })
}

fn of_dispatch(item: Bytes) -> Option<Subject> {
    let dispatches = wire::dispatch::decode(item).ok()?;
    let [dispatch] = dispatches.as_slice() else {
        return None;
    };
    Some(Subject {
        tenant: Some(dispatch.content.tenant),
        event: Some(dispatch.content.event),
        delivery: Some(dispatch.due.delivery.id),
        endpoint: Some(dispatch.due.delivery.endpoint),
        event_type: Some(dispatch.content.event_type.clone()),
        event_day: Some(dispatch.content.accepted_at.to_utc().date()),
        trace: dispatch.content.trace.clone(),
    })
}

fn of_report(item: Bytes) -> Option<Subject> {
    let report = wire::report::decode(item).ok()?;
    Some(Subject {
        tenant: Some(report.tenant),
        event: Some(report.event),
        delivery: Some(report.delivery.id),
        endpoint: Some(report.delivery.endpoint),
        event_day: Some(report.day()),
        event_type: Some(report.event_type),
        trace: report.trace,
    })
}

#[cfg(test)]
#[path = "letter_tests.rs"]
mod tests;
