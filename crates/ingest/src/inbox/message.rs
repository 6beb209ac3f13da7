//! What a message of the inbox holds.
//!
//! | content type | AMQP type | holds |
//! |---|---|---|
//! | `application/json` | | an event, or an array of events |
//! | `application/cloudevents+json` | | a CloudEvent |
//! | `application/x-protobuf` | `posthaste.v1.Event`, or none | an event |
//! | `application/x-protobuf` | `posthaste.v1.EventBatch` | events |
//!
//! An event without an id of its own gets the message's `message_id`, if that has one: so a
//! message that comes back after a crash is not a second event.

use broker::Delivered;
use bytes::Bytes;
use domain::limits;
use wire::MessageType;
use wire::inbox::{self, InboxEvent};

use crate::check::{self, Draft, Reason, Refusal};

/// One event of a message: its bytes, and what they say.
pub(super) struct Item {
    pub(super) body: Bytes,
    pub(super) draft: Result<Draft, Refusal>,
}

/// Reads one event.
type Read = fn(&Bytes) -> Result<Draft, Refusal>;

/// Takes a message apart.
pub(super) fn read(delivered: &Delivered) -> Result<Vec<Item>, Refusal> {
    let properties = &delivered.properties;
    let content_type = properties.content_type.as_deref().unwrap_or_default();
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let kind = properties.kind.as_deref().unwrap_or_default();
    let body = &delivered.body;
    let (bodies, read): (Vec<Bytes>, Read) = match essence.as_str() {
        "application/json" if body.trim_ascii_start().starts_with(b"[") => {
            (check::items(body, limits::BATCH_EVENTS)?, check::envelope)
        }
        "application/json" => (vec![body.clone()], check::envelope),
        "application/cloudevents+json" => (vec![body.clone()], check::structured),
        "application/x-protobuf" if kind == MessageType::InboxBatch.as_str() => {
            (batch(body)?, protobuf)
        }
        "application/x-protobuf" => (vec![body.clone()], protobuf),
        other => {
            let detail = format!(
                "content type {other:?} is not read here: send application/json, \
                 application/cloudevents+json or application/x-protobuf"
            );
            return Err(Refusal {
                reason: Reason::UnsupportedType,
                pointer: "",
                detail,
            });
        }
    };
    let is_alone = bodies.len() == 1;
    let identified = |(number, body): (usize, Bytes)| {
        let draft = check::sized(&body, limits::EVENT_BODY_BYTES).and_then(|()| read(&body));
        let draft = draft.map(|draft| {
            let message_id = properties.message_id.as_deref();
            let id = message_id
                .filter(|id| !id.is_empty())
                .map(|id| match is_alone {
                    true => id.to_owned(),
                    false => format!("{id}/{number}"),
                });
            let headers = &properties.headers;
            let traced = draft.traced(headers.text("traceparent"), headers.text("tracestate"));
            Draft {
                id: traced.id.clone().or(id),
                ..traced
            }
        });
        Item { body, draft }
    };
    Ok(bodies.into_iter().enumerate().map(identified).collect())
}

fn batch(body: &Bytes) -> Result<Vec<Bytes>, Refusal> {
    let events = inbox::split_batch(body.clone()).map_err(Refusal::malformed)?;
    check::countable(events.len(), limits::BATCH_EVENTS)?;
    Ok(events)
}

fn protobuf(body: &Bytes) -> Result<Draft, Refusal> {
    let InboxEvent {
        tenant,
        event,
        data,
        timestamp,
        id,
        channels,
    } = inbox::decode(body.clone()).map_err(Refusal::malformed)?;
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(Draft {
        tenant: given(tenant),
        event,
        data: check::payload(&data)?,
        timestamp: given(timestamp),
        id: given(id),
        channels,
        ..Draft::default()
    })
}
