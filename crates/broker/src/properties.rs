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

#[cfg(test)]
mod tests {
    use lapin::types::{DecimalValue, FieldArray};
    use proptest::prelude::*;

    use super::*;
    use crate::topology::Route;

    fn with_headers(headers: Vec<(&str, AMQPValue)>) -> BasicProperties {
        let headers: BTreeMap<ShortString, AMQPValue> = headers
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect();
        BasicProperties::default().with_headers(FieldTable::from(headers))
    }

    #[test]
    fn headers_of_all_kinds_are_read() {
        let table = FieldTable::default();
        let decimal = DecimalValue { scale: 2, value: 1 };
        let properties = with_headers(vec![
            ("bool", AMQPValue::Boolean(true)),
            ("i8", AMQPValue::ShortShortInt(-8)),
            ("u8", AMQPValue::ShortShortUInt(8)),
            ("i16", AMQPValue::ShortInt(-16)),
            ("u16", AMQPValue::ShortUInt(16)),
            ("i32", AMQPValue::LongInt(-32)),
            ("u32", AMQPValue::LongUInt(32)),
            ("i64", AMQPValue::LongLongInt(-64)),
            ("time", AMQPValue::Timestamp(64)),
            ("beyond", AMQPValue::Timestamp(u64::MAX)),
            ("short", AMQPValue::ShortString("s".into())),
            ("long", AMQPValue::LongString("l".into())),
            ("binary", AMQPValue::ByteArray(b"b".to_vec().into())),
            ("broken", AMQPValue::LongString(vec![0xff, b'x'].into())),
            ("float", AMQPValue::Float(1.0)),
            ("double", AMQPValue::Double(1.0)),
            ("decimal", AMQPValue::DecimalValue(decimal)),
            ("list", AMQPValue::FieldArray(FieldArray::default())),
            ("table", AMQPValue::FieldTable(table)),
            ("void", AMQPValue::Void),
            ("x-stream-offset", AMQPValue::LongLongInt(1)),
        ]);
        let expected = Headers::new()
            .with_number("bool", 1)
            .with_number("i8", -8)
            .with_number("u8", 8)
            .with_number("i16", -16)
            .with_number("u16", 16)
            .with_number("i32", -32)
            .with_number("u32", 32)
            .with_number("i64", -64)
            .with_number("time", 64)
            .with("short", "s")
            .with("long", "l")
            .with("binary", "b")
            .with("broken", "\u{fffd}x");
        assert_eq!(received(&properties).headers, expected);
    }

    #[test]
    fn the_newest_death_counts() {
        let death = |queue: &str, reason: &str| {
            let mut table = FieldTable::default();
            table.insert("queue".into(), AMQPValue::LongString(queue.into()));
            table.insert("reason".into(), AMQPValue::LongString(reason.into()));
            AMQPValue::FieldTable(table)
        };
        let deaths = vec![death("fresh", "delivery_limit"), death("tier", "expired")];
        let properties = with_headers(vec![
            ("x-death", AMQPValue::FieldArray(deaths.into())),
            ("x-delivery-count", AMQPValue::LongLongInt(7)),
        ]);
        let expected = Death {
            queue: "fresh".to_owned(),
            reason: "delivery_limit".to_owned(),
        };
        assert_eq!(super::death(&properties), Some(expected));
        assert_eq!(delivery_count(&properties), Some(7));
        assert!(received(&properties).headers.is_empty());
    }

    #[test]
    fn a_death_of_another_shape_is_none() {
        let shapes = [
            AMQPValue::Void,
            AMQPValue::FieldArray(FieldArray::default()),
            AMQPValue::FieldArray(vec![AMQPValue::Void].into()),
            AMQPValue::FieldArray(vec![AMQPValue::FieldTable(FieldTable::default())].into()),
        ];
        for shape in shapes {
            assert_eq!(super::death(&with_headers(vec![("x-death", shape)])), None);
        }
        let negative = AMQPValue::LongLongInt(-1);
        assert_eq!(
            delivery_count(&with_headers(vec![("x-delivery-count", negative)])),
            None
        );
    }

    proptest! {
        /// What we send is what we receive, and texts too long for AMQP are cut, never a panic.
        #[test]
        fn properties_survive(
            kind in ".{0,300}",
            id in proptest::option::of(".{0,300}"),
            headers in proptest::collection::btree_map("[a-z].{0,300}", ".{0,50}", 0..5),
            tag: u64,
        ) {
            let mut sent = Outgoing::new(Route::inbox(), "", kind.clone(), "text/plain");
            sent.message_id = id.clone();
            for (name, text) in &headers {
                // The broker's own would be left out.
                let name = format!("h{name}");
                sent.headers.insert(&name, HeaderValue::Text(text.clone()));
            }
            let properties = outgoing(&sent, tag, 1_700_000_000);
            prop_assert_eq!(super::tag(&properties), Some(tag));
            let got = received(&properties);
            prop_assert_eq!(got.kind.as_deref(), Some(cut(&kind, 255)));
            prop_assert_eq!(got.message_id.as_deref(), id.as_deref().map(|id| cut(id, 255)));
            prop_assert_eq!(got.timestamp, Some(1_700_000_000));
            prop_assert_eq!(got.headers, sent.headers);
        }
    }
}
