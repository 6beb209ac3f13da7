//! Texts that people give, within their bounds, and bytes as texts.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use service::problem::Problem;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use utoipa::ToSchema;

use crate::problem;

/// The longest name, in bytes.
const NAME_BYTES: usize = 200;

/// The longest description, in bytes.
const DESCRIPTION_BYTES: usize = 2_000;

/// A name: not empty, bounded, without control characters.
pub(super) fn name(pointer: &str, text: &str) -> Result<(), Problem> {
    let is_good = !text.trim().is_empty() && bounded(text, NAME_BYTES);
    if is_good {
        Ok(())
    } else {
        Err(problem::invalid(pointer, bound(1, NAME_BYTES)))
    }
}

/// A description: bounded, without control characters.
pub(super) fn description(pointer: &str, text: &str) -> Result<(), Problem> {
    let is_good = bounded(text, DESCRIPTION_BYTES);
    if is_good {
        Ok(())
    } else {
        Err(problem::invalid(pointer, bound(0, DESCRIPTION_BYTES)))
    }
}

fn bounded(text: &str, most: usize) -> bool {
    text.len() <= most && !text.chars().any(char::is_control)
}

fn bound(least: usize, most: usize) -> String {
    format!("{least} to {most} bytes without control characters")
}

/// An instant as RFC 3339 in UTC.
pub(crate) fn instant(at: OffsetDateTime) -> String {
    at.to_utc().format(&Rfc3339).unwrap_or_default()
}

/// A duration in whole milliseconds.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An instant that somebody gave as RFC 3339, if the record has a place for it.
pub(crate) fn read_instant(text: &str) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let at = at.checked_to_offset(UtcOffset::UTC)?;
    (1..=9998).contains(&at.year()).then_some(at)
}

/// Bytes that somebody else wrote: as text where they are UTF-8, else as base64.
#[derive(Serialize, ToSchema)]
pub(crate) struct Foreign {
    /// The bytes as text, when they are UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// The bytes as base64, when they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base64: Option<String>,
}

impl Foreign {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                text: Some(text.to_owned()),
                base64: None,
            },
            Err(_) => Self {
                text: None,
                base64: Some(STANDARD.encode(bytes)),
            },
        }
    }
}
