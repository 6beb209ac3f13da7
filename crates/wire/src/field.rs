//! Single fields, from the bytes to the types of `domain`.

use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use domain::attempt::{AttemptNumber, Trigger};
use domain::id::Id;
use domain::trace::TraceContext;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::proto;

/// Bytes that are no message of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They are no protobuf of this shape.
    #[error("malformed protobuf")]
    Malformed(#[from] prost::DecodeError),
    /// A field is missing or has a value that the domain has no place for.
    #[error("field {name} is missing or invalid")]
    Field {
        /// The field's name in `proto/`.
        name: &'static str,
    },
}

pub(crate) fn invalid(name: &'static str) -> DecodeError {
    DecodeError::Field { name }
}

pub(crate) fn id<K>(bytes: &[u8], name: &'static str) -> Result<Id<K>, DecodeError> {
    Uuid::from_slice(bytes)
        .map(Id::from_uuid)
        .map_err(|_| invalid(name))
}

pub(crate) fn optional_id<K>(
    bytes: &[u8],
    name: &'static str,
) -> Result<Option<Id<K>>, DecodeError> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        id(bytes, name).map(Some)
    }
}

pub(crate) fn id_bytes<K>(id: Id<K>) -> Bytes {
    Bytes::copy_from_slice(id.uuid().as_bytes())
}

pub(crate) fn optional_id_bytes<K>(id: Option<Id<K>>) -> Bytes {
    id.map(id_bytes).unwrap_or_default()
}

pub(crate) fn parsed<T: FromStr>(text: &str, name: &'static str) -> Result<T, DecodeError> {
    text.parse().map_err(|_| invalid(name))
}

pub(crate) fn instant(micros: i64, name: &'static str) -> Result<OffsetDateTime, DecodeError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).map_err(|_| invalid(name))
}

/// Microseconds since the epoch. Every instant that `time` can hold fits.
pub(crate) fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000))
        .expect("the years -9999 to 9999 are fewer than 2^63 microseconds")
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn attempt(number: u32, name: &'static str) -> Result<AttemptNumber, DecodeError> {
    AttemptNumber::new(number).ok_or_else(|| invalid(name))
}

pub(crate) fn trigger(value: proto::Trigger) -> Result<Trigger, DecodeError> {
    match value {
        proto::Trigger::Unspecified => Err(invalid("trigger")),
        proto::Trigger::Automatic => Ok(Trigger::Automatic),
        proto::Trigger::Replay => Ok(Trigger::Replay),
    }
}

pub(crate) fn proto_trigger(trigger: Trigger) -> proto::Trigger {
    match trigger {
        Trigger::Automatic => proto::Trigger::Automatic,
        Trigger::Replay => proto::Trigger::Replay,
    }
}

/// An empty context is not sent at all.
pub(crate) fn proto_trace(trace: &TraceContext) -> Option<proto::Trace> {
    let TraceContext {
        traceparent,
        tracestate,
    } = trace.clone();
    let is_empty = traceparent.is_empty() && tracestate.is_empty();
    (!is_empty).then_some(proto::Trace {
        traceparent,
        tracestate,
    })
}

pub(crate) fn trace(trace: Option<proto::Trace>) -> TraceContext {
    let proto::Trace {
        traceparent,
        tracestate,
    } = trace.unwrap_or_default();
    TraceContext {
        traceparent,
        tracestate,
    }
}
