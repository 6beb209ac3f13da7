//! Between the library's properties and ours.

use std::collections::BTreeMap;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::consumer::received::Death;
use crate::message::{HeaderValue, Headers, Outgoing, Properties, cut};

const PERSISTENT: u8 = 2;

/// A short string of what fits.
pub(crate) fn short(text: &str) -> ShortString {
    cut(text, 255).into()
}

/// The properties of a message that goes out under this tag.
pub(crate) fn outgoing(message: &Outgoing, tag: u64, unix_seconds: u64) -> BasicProperties {
    let headers: BTreeMap<ShortString, AMQPValue> = message
        .headers
        .iter()
        .map(|(name, value)| {
            let value = match value {
                HeaderValue::Text(text) => AMQPValue::LongString(text.as_str().into()),
                HeaderValue::Number(number) => AMQPValue::LongLongInt(*number),
            };
            (short(name), value)
        })
        .collect();
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_type(short(&message.kind))
        .with_content_type(short(&message.content_type))
        .with_timestamp(unix_seconds)
        .with_correlation_id(tag.to_string().into())
        .with_headers(FieldTable::from(headers));
    match &message.message_id {
        Some(id) => properties.with_message_id(short(id)),
        None => properties,
    }
}

/// The tag that [`outgoing`] gave a message which the broker has sent back.
pub(crate) fn tag(properties: &BasicProperties) -> Option<u64> {
    properties.correlation_id().as_ref()?.as_str().parse().ok()
}

/// What came beside a body.
pub(crate) fn received(properties: &BasicProperties) -> Properties {
    let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string);
    let mut headers = Headers::new();
    for (name, value) in properties.headers().iter().flatten() {
        // The broker's own tell where the message has been, not what it is: they don't travel on.
        if name.as_str().starts_with("x-") {
            continue;
        }
        if let Some(value) = value_of(value) {
            headers.insert(name.as_str(), value);
        }
    }
    Properties {
        content_type: text(properties.content_type()),
        kind: text(properties.kind()),
        message_id: text(properties.message_id()),
        timestamp: *properties.timestamp(),
        headers,
    }
}

/// How often the message has come back to its queue.
pub(crate) fn delivery_count(properties: &BasicProperties) -> Option<u64> {
    match value_of(header(properties, "x-delivery-count")?)? {
        HeaderValue::Number(count) => u64::try_from(count).ok(),
        HeaderValue::Text(_) => None,
    }
}

/// Which queue let the message go last, and why.
///
/// The broker keeps the newest entry of `x-death` first; `x-first-death-…` would name the oldest,
/// which for a delivery that has waited is a retry tier.
pub(crate) fn death(properties: &BasicProperties) -> Option<Death> {
    let AMQPValue::FieldArray(deaths) = header(properties, "x-death")? else {
        return None;
    };
    let AMQPValue::FieldTable(newest) = deaths.as_slice().first()? else {
        return None;
    };
    let text = |name: &str| match value_of(newest.inner().get(name)?)? {
        HeaderValue::Text(text) => Some(text),
        HeaderValue::Number(_) => None,
    };
    Some(Death {
        queue: text("queue")?,
        reason: text("reason")?,
    })
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

fn value_of(value: &AMQPValue) -> Option<HeaderValue> {
    let number = |number| Some(HeaderValue::Number(number));
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        Some(HeaderValue::Text(text))
    };
    match value {
        AMQPValue::Boolean(flag) => number(i64::from(*flag)),
        AMQPValue::ShortShortInt(value) => number(i64::from(*value)),
        AMQPValue::ShortShortUInt(value) => number(i64::from(*value)),
        AMQPValue::ShortInt(value) => number(i64::from(*value)),
        AMQPValue::ShortUInt(value) => number(i64::from(*value)),
        AMQPValue::LongInt(value) => number(i64::from(*value)),
        AMQPValue::LongUInt(value) => number(i64::from(*value)),
        AMQPValue::LongLongInt(value) => number(*value),
        AMQPValue::Timestamp(seconds) => number(i64::try_from(*seconds).ok()?),
        AMQPValue::ShortString(value) => text(value.as_str().as_bytes()),
        AMQPValue::LongString(value) => text(value.as_bytes()),
        AMQPValue::ByteArray(value) => text(value.as_slice()),
        AMQPValue::Float(_)
        | AMQPValue::Double(_)
        | AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::Void => None,
    }
}
