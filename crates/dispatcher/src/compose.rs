//! The body of a request, before its signature.
//!
//! **Invariant:** the payload's bytes are copied between the other members and never looked at.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use domain::dispatch::Content;
use domain::endpoint::BodyFormat;
use domain::event_type::EventType;
use domain::id::{EventId, TenantId};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The bodies of one event, each made when the first endpoint wants it and shared by the others.
///
/// In the `guide` format this is the body without its signature member.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    guide: OnceLock<Bytes>,
    standard: OnceLock<Bytes>,
    cloud_events: OnceLock<Bytes>,
}

impl Bodies {
    pub(crate) fn shared() -> Arc<Self> {
        Arc::default()
    }

    /// The event in this format, around its payload.
    pub(crate) fn get(&self, format: BodyFormat, content: &Content, data: &[u8]) -> Bytes {
        let body = match format {
            BodyFormat::Guide => &self.guide,
            BodyFormat::Standard => &self.standard,
            BodyFormat::CloudEvents => &self.cloud_events,
        };
        body.get_or_init(|| compose(format, content, data)).clone()
    }
}

/// The `content-type` of a format.
pub(crate) const fn content_type(format: BodyFormat) -> &'static str {
    match format {
        BodyFormat::Guide | BodyFormat::Standard => "application/json",
        BodyFormat::CloudEvents => "application/cloudevents+json",
    }
}

fn compose(format: BodyFormat, content: &Content, data: &[u8]) -> Bytes {
    let Content {
        event,
        tenant,
        event_type,
        timestamp,
        ..
    } = content;
    let time = rfc3339(*timestamp);
    let (before, after) = match format {
        BodyFormat::Guide => around_guide(event_type, &time),
        BodyFormat::Standard => around_standard(event_type, &time),
        BodyFormat::CloudEvents => around_cloud_events(*event, *tenant, event_type, &time),
    };
    [before.as_bytes(), data, after.as_bytes()].concat().into()
}

// Event types, ids and times hold no character that JSON would have to escape.

fn around_guide(event_type: &EventType, time: &str) -> (String, String) {
    (
        format!(r#"{{"event":"{event_type}","data":"#),
        format!(r#","timestamp":"{time}"}}"#),
    )
}

fn around_standard(event_type: &EventType, time: &str) -> (String, String) {
    (
        format!(r#"{{"type":"{event_type}","timestamp":"{time}","data":"#),
        "}".to_owned(),
    )
}

/// `CloudEvents` 1.0, structured mode. The source is the tenant, as a relative reference.
fn around_cloud_events(
    event: EventId,
    tenant: TenantId,
    event_type: &EventType,
    time: &str,
) -> (String, String) {
    (
        format!(
            r#"{{"specversion":"1.0","id":"{event}","source":"/tenants/{tenant}","type":"{event_type}","time":"{time}","datacontenttype":"application/json","data":"#
        ),
        "}".to_owned(),
    )
}

/// In UTC, with as much of a second as the instant has.
fn rfc3339(instant: OffsetDateTime) -> String {
    instant
        .to_utc()
        .format(&Rfc3339)
        .expect("ingest takes no event from outside the years 0 to 9999")
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
