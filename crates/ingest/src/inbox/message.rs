//! What a message of the inbox holds.
//!
//! | content type | AMQP type | holds |
//! |---|---|---|
//! | `application/json` | | an event, or an array of events |
//! | `application/cloudevents+json` | | a CloudEvent |
//! | `application/x-protobuf` | `posthaste.v1.Event`, or none | an event |
//! | `application/x-protobuf` | `posthaste.v1.EventBatch` | events |
//!
//! An event without an id of its own gets the message's `message_id`, if that has one, and in a
//! batch of several its place there: so a message that comes back after a crash is not a second
//! event. A message without either is accepted again then.

use std::borrow::Cow;

use broker::{Delivered, Headers};
use bytes::Bytes;
use domain::limits;
use wire::MessageType;
use wire::inbox::{self, InboxEvent};

use crate::check::{self, Draft, Reason, Refusal};

/// What the names of our own headers begin with.
const OUR_HEADERS: &str = "posthaste-";

/// One event of a message, and what would make it a message of its own.
pub(super) struct Item {
    /// Its bytes.
    pub(super) body: Bytes,
    /// Its AMQP type.
    pub(super) kind: Cow<'static, str>,
    /// Its message id.
    pub(super) message_id: Option<String>,
    /// What the bytes say.
    pub(super) draft: Result<Draft, Refusal>,
}

/// Drops what only we may say: a publisher's word for it counts for nothing.
pub(super) fn strip(headers: &mut Headers) {
    let mut kept = Headers::new();
    for (name, value) in headers.iter() {
        if !name.starts_with(OUR_HEADERS) {
            kept.insert(name, value.clone());
        }
    }
    *headers = kept;
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
            return Err(Refusal::new(Reason::UnsupportedType, "", detail));
        }
    };
    let is_batch = kind == MessageType::InboxBatch.as_str();
    let kind = || match is_batch {
        true => MessageType::InboxEvent.as_str().into(),
        false => kind.to_owned().into(),
    };
    let is_alone = bodies.len() == 1;
    let message_id = |number| {
        let id = properties.message_id.as_deref();
        let id = id.filter(|id| !id.is_empty())?;
        Some(match is_alone {
            true => id.to_owned(),
            false => format!("{id}/{number}"),
        })
    };
    let item = |(number, body): (usize, Bytes)| {
        let message_id = message_id(number);
        let draft = check::sized(&body, limits::EVENT_BODY_BYTES).and_then(|()| read(&body));
        let text = |name| properties.headers.text(name);
        let draft = draft.map(|draft| Draft {
            id: draft.id.clone().or_else(|| message_id.clone()),
            ..draft.traced(check::trace(text("traceparent"), text("tracestate")))
        });
        Item {
            body,
            kind: kind(),
            message_id,
            draft,
        }
    };
    Ok(bodies.into_iter().enumerate().map(item).collect())
}

fn batch(body: &Bytes) -> Result<Vec<Bytes>, Refusal> {
    check::sized(body, limits::BATCH_BODY_BYTES)?;
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

#[cfg(test)]
#[path = "message_fuzz.rs"]
mod fuzz;
#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
