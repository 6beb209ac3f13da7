//! CloudEvents 1.0, structured and binary.
//!
//! | attribute | is |
//! |---|---|
//! | `type` | the event type |
//! | `data` | the payload; without it, `null` |
//! | `time` | the timestamp |
//! | `source` and `id` together | the publisher's own id, since only together they are unique |
//! | `tenant` (an extension) | the tenant |
//! | `traceparent`, `tracestate` (extensions) | the publisher's trace |
//!
//! Other attributes are allowed, as the specification asks, and not carried on.
//! Sources: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>, and beside it
//! `formats/json-format.md` and `bindings/http-protocol-binding.md`.

use std::borrow::Cow;

use axum::http::HeaderMap;
use bytes::Bytes;
use domain::limits;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::draft::{Draft, Form, trace};
use super::header;
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
    datacontenttype: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    data_base64: Option<&'a RawValue>,
    #[serde(borrow)]
    traceparent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tracestate: Option<Cow<'a, str>>,
}

/// Whether a media type, without its parameters, is JSON's own or built on it.
pub(crate) fn is_json(media_type: &str) -> bool {
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type.ends_with("/json") || media_type.ends_with("+json")
}

/// Reads an event in structured JSON.
pub(crate) fn structured(body: &Bytes) -> Result<Draft, Refusal> {
    let event: Structured<'_> = serde_json::from_str(text(body)?).map_err(|e| refused(&e))?;
    version(&event.specversion, "#/specversion")?;
    let media_type = event
        .datacontenttype
        .as_deref()
        .unwrap_or("application/json");
    if !is_json(media_type.split(';').next().unwrap_or_default()) {
        let detail = "payloads are JSON: use application/json";
        return Err(Refusal::invalid("#/datacontenttype", detail));
    }
    if event.data_base64.is_some() {
        return Err(Refusal::invalid(
            "#/data_base64",
            "payloads are JSON: use data",
        ));
    }
    let draft = Draft {
        form: Form::CloudEvent,
        tenant: event.tenant.map(Cow::into_owned),
        event: event.event.into_owned(),
        data: event
            .data
            .map_or(Bytes::from_static(b"null"), |data| cut(body, data)),
        timestamp: event.time.map(Cow::into_owned),
        id: Some(identity((&event.source, "#/source"), (&event.id, "#/id"))?),
        ..Draft::default()
    };
    let (parent, state) = (event.traceparent, event.tracestate);
    Ok(draft.traced(trace(parent.as_deref(), state.as_deref())))
}

/// Reads an event in binary mode: its attributes are headers, its payload is the body.
pub(crate) fn binary(headers: &HeaderMap, body: &Bytes) -> Result<Draft, Refusal> {
    let attribute = |pointer: &'static str| {
        let value = header::value(headers, pointer)?;
        let decoded = value.map(|value| {
            header::percent_decoded(&value)
                .ok_or_else(|| Refusal::invalid(pointer, "not UTF-8 when percent-decoded"))
        });
        decoded.transpose()
    };
    let required = |pointer: &'static str| {
        attribute(pointer)?
            .ok_or_else(|| Refusal::invalid(pointer, "missing: CloudEvents require it"))
    };
    let specversion = "header:ce-specversion";
    version(&required(specversion)?, specversion)?;
    let (source, id) = ("header:ce-source", "header:ce-id");
    let draft = Draft {
        form: Form::CloudEventHeaders,
        tenant: attribute("header:ce-tenant")?,
        event: required("header:ce-type")?,
        data: payload(body)?,
        timestamp: attribute("header:ce-time")?,
        id: Some(identity(
            (&required(source)?, source),
            (&required(id)?, id),
        )?),
        ..Draft::default()
    };
    let traceparent = attribute("header:ce-traceparent")?;
    let tracestate = attribute("header:ce-tracestate")?;
    let trace = trace(traceparent.as_deref(), tracestate.as_deref());
    Ok(draft.traced(trace))
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

/// The publisher's own id, from source and id, each with its pointer.
fn identity(source: (&str, &'static str), id: (&str, &'static str)) -> Result<String, Refusal> {
    // A URI holds no white space, so no two pairs make the same identity.
    if source.0.is_empty() || source.0.contains(char::is_whitespace) {
        return Err(Refusal::invalid(source.1, "not a URI reference"));
    }
    if id.0.is_empty() {
        return Err(Refusal::invalid(id.1, "empty: CloudEvents require it"));
    }
    let identity = format!("{} {}", source.0, id.0);
    let most = limits::IDEMPOTENCY_KEY_BYTES;
    if identity.len() > most {
        let detail = format!("source and id together are at most {} bytes", most - 1);
        return Err(Refusal::invalid(id.1, detail));
    }
    Ok(identity)
}
