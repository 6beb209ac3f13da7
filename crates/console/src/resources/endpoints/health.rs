//! An endpoint's health, in words and values.

use domain::endpoint::EndpointState;
use serde::Serialize;
use store::endpoints::EndpointRecord;
use store::health::{HELD_COUNTED, HealthRecord};
use utoipa::ToSchema;

use crate::resources::text;

/// Whether an endpoint takes its deliveries.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `untried`, `healthy`, `failing`, `paused` or `disabled`.
    pub(crate) status: &'static str,
    /// The same in words.
    #[schema(example = "failing since 2026-03-02T10:15:00Z: connection refused")]
    pub(crate) summary: String,
    /// When the first attempt failed after the last success.
    pub(crate) failing_since: Option<String>,
    /// How many attempts have failed since then.
    pub(crate) failures: u32,
    /// When an attempt last succeeded, to the minute.
    pub(crate) last_success_at: Option<String>,
    pub(crate) last_failure_at: Option<String>,
    /// Why the last one failed that did.
    #[schema(example = "connection refused")]
    pub(crate) last_failure: Option<String>,
    /// How many deliveries are held until it is enabled, counted to 1,001.
    pub(crate) held: u64,
}

impl Health {
    pub(super) fn of(endpoint: &EndpointRecord, record: HealthRecord) -> Self {
        let health = record.health;
        let last_failure = health.last_failure.map(|last| last.reason.to_string());
        let (status, words) = match (endpoint.state, health.failing_since) {
            (EndpointState::Paused, _) => ("paused", "paused".to_owned()),
            (EndpointState::Disabled, _) => {
                let reason = endpoint.state_reason.as_deref().unwrap_or("by us");
                ("disabled", format!("disabled: {reason}"))
            }
            (EndpointState::Enabled, Some(since)) => {
                let why = last_failure.as_deref().unwrap_or("unknown");
                let since = text::instant(since);
                ("failing", format!("failing since {since}: {why}"))
            }
            (EndpointState::Enabled, None) => match health.last_success_at {
                Some(_) => ("healthy", "healthy".to_owned()),
                None => ("untried", "no attempt has succeeded yet".to_owned()),
            },
        };
        Self {
            status,
            summary: format!("{words}{}", held(record.held)),
            failing_since: health.failing_since.map(text::instant),
            failures: health.failures,
            last_success_at: health.last_success_at.map(text::instant),
            last_failure_at: health.last_failure.map(|last| text::instant(last.at)),
            last_failure,
            held: record.held,
        }
    }
}

fn held(held: u64) -> String {
    match held {
        0 => String::new(),
        held if held > u64::from(HELD_COUNTED) => format!(", more than {HELD_COUNTED} held"),
        held => format!(", {held} held"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_said_where_something_is() {
        assert_eq!(held(0), "");
        assert_eq!(held(312), ", 312 held");
        assert_eq!(held(u64::from(HELD_COUNTED) + 1), ", more than 1000 held");
    }
}
