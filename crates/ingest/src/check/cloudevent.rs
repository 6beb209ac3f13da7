//! CloudEvents 1.0, structured and binary.
//!
//! | attribute | is |
//! |---|---|
//! | `type` | the event type |
//! | `data` | the payload |
//! | `time` | the timestamp |
//! | `source` and `id` together | the publisher's own id, since only together they are unique |
//! | `tenant` (an extension) | the tenant |
//!
//! Other attributes are allowed, as the specification asks, and not carried on.
//! Source: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::draft::Draft;
use super::json::{cut, payload, refused, text};
use super::refusal::Refusal;

#[derive(Deserialize)]
struct Structured<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    event: Cow<'a, str>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tenant: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    data_base64: Option<&'a RawValue>,
    #[serde(borrow)]
    traceparent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tracestate: Option<Cow<'a, str>>,
}

/// Reads an event in structured JSON.
pub(crate) fn structured(body: &Bytes) -> Result<Draft, Refusal> {
    let event: Structured<'_> = serde_json::from_str(text(body)?).map_err(|e| refused(&e))?;
    version(&event.specversion, "#/specversion")?;
    if event.data_base64.is_some() {
        return Err(Refusal::invalid(
            "#/data_base64",
            "payloads are JSON: use data",
        ));
    }
    let data = event
        .data
        .ok_or_else(|| Refusal::invalid("#/data", "missing: give any JSON"))?;
    let draft = Draft {
        tenant: event.tenant.map(Cow::into_owned),
        event: event.event.into_owned(),
        data: cut(body, data),
        timestamp: event.time.map(Cow::into_owned),
        id: Some(identity(&event.source, &event.id)),
        ..Draft::default()
    };
    Ok(draft.traced(event.traceparent.as_deref(), event.tracestate.as_deref()))
}

/// Reads an event in binary mode: its attributes are headers, its payload is the body.
pub(crate) fn attributes<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    body: &Bytes,
) -> Result<Draft, Refusal> {
    let required = |name: &str, pointer: &'static str| {
        header(name).ok_or_else(|| Refusal::invalid(pointer, "missing: CloudEvents require it"))
    };
    version(
        required("ce-specversion", "header:ce-specversion")?,
        "header:ce-specversion",
    )?;
    let source = required("ce-source", "header:ce-source")?;
    let draft = Draft {
        tenant: header("ce-tenant").map(str::to_owned),
        event: required("ce-type", "header:ce-type")?.to_owned(),
        data: payload(body)?,
        timestamp: header("ce-time").map(str::to_owned),
        id: Some(identity(source, required("ce-id", "header:ce-id")?)),
        ..Draft::default()
    };
    Ok(draft)
}

fn version(version: &str, pointer: &'static str) -> Result<(), Refusal> {
    if version == "1.0" {
        Ok(())
    } else {
        Err(Refusal::invalid(
            pointer,
            "not a version that is read here: use 1.0",
        ))
    }
}

fn identity(source: &str, id: &str) -> String {
    format!("{source} {id}")
}
