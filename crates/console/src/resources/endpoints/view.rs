//! What an endpoint looks like to its owner.

use domain::retry::RetryPolicy;
use serde::Serialize;
use store::endpoints::EndpointRecord;
use store::health::HealthRecord;
use utoipa::ToSchema;

use super::health::Health;
use crate::resources::text;

/// An endpoint, its secrets apart.
#[derive(Serialize, ToSchema)]
pub(crate) struct Endpoint {
    #[schema(example = "ep_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    id: String,
    #[schema(example = "https://example.com/webhooks")]
    url: String,
    description: String,
    #[schema(example = json!(["shipment.*"]))]
    event_types: Vec<String>,
    channels: Vec<String>,
    /// What a payload must be like; null: every payload.
    #[schema(example = "@.status == 'created' && @.customer.country == 'DE'")]
    filter: Option<String>,
    /// `guide`, `standard` or `cloudevents`.
    format: &'static str,
    /// The names of its own headers; their values are secrets.
    headers: Vec<String>,
    timeout_s: u64,
    retry: Retry,
    /// `enabled`, `paused` or `disabled`.
    state: &'static str,
    /// Why it is disabled, such as `gone`.
    state_reason: Option<String>,
    state_since: String,
    health: Health,
    created_at: String,
    updated_at: String,
}

/// When a failed delivery is tried again.
#[derive(Serialize, ToSchema)]
pub(crate) struct Retry {
    /// The waits between attempts, in seconds; each grows by up to a tenth of jitter.
    waits_s: Vec<u64>,
    /// How many attempts are made in all.
    attempts: usize,
    /// The outage that a delivery survives, in seconds.
    span_s: u64,
}

impl From<&RetryPolicy> for Retry {
    fn from(policy: &RetryPolicy) -> Self {
        let waits_s: Vec<u64> = policy
            .waits()
            .iter()
            .map(std::time::Duration::as_secs)
            .collect();
        Self {
            attempts: waits_s.len() + 1,
            span_s: policy.span().as_secs(),
            waits_s,
        }
    }
}

impl Endpoint {
    /// An endpoint and its health; a new one has had no attempt and holds nothing.
    pub(super) fn new(record: EndpointRecord, health: HealthRecord) -> Self {
        let health = Health::of(&record, health);
        let settings = record.settings;
        Self {
            id: record.id.to_string(),
            url: settings.url.into(),
            description: settings.description,
            event_types: settings
                .event_types
                .iter()
                .map(ToString::to_string)
                .collect(),
            channels: settings.channels.iter().map(ToString::to_string).collect(),
            filter: settings.filter,
            format: settings.format.as_str(),
            headers: settings.headers.into_iter().map(|(name, _)| name).collect(),
            timeout_s: settings.timeout.as_secs(),
            retry: Retry::from(&settings.retry.unwrap_or_default()),
            state: record.state.as_str(),
            state_reason: record.state_reason,
            state_since: text::instant(record.state_since),
            health,
            created_at: text::instant(record.created_at),
            updated_at: text::instant(record.updated_at),
        }
    }
}
