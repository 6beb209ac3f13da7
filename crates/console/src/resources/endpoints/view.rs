//! What an endpoint looks like to its owner.

use std::collections::HashMap;

use domain::breaker::{BreakerStanding, BreakerState};
use domain::id::{EndpointId, TenantId};
use serde::Serialize;
use service::problem::Problem;
use store::Store;
use store::endpoints::EndpointRecord;
use store::health::HealthRecord;
use store::settings::PlatformSettings;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::health::Health;
use super::settings::Rate;
use crate::problem;
use crate::resources::retry::Retry;
use crate::resources::text;

/// An endpoint, its secrets apart.
#[derive(Serialize, ToSchema)]
pub(crate) struct Endpoint {
    #[schema(example = "ep_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) id: String,
    #[schema(example = "https://example.com/webhooks")]
    pub(crate) url: String,
    pub(crate) description: String,
    #[schema(example = json!(["shipment.*"]))]
    pub(crate) event_types: Vec<String>,
    pub(crate) channels: Vec<String>,
    /// What a payload must be like; null: every payload.
    #[schema(example = "@.status == 'created' && @.customer.country == 'DE'")]
    pub(crate) filter: Option<String>,
    /// `guide`, `standard` or `cloudevents`.
    pub(crate) format: &'static str,
    /// The names of its own headers; their values are secrets.
    pub(crate) headers: Vec<String>,
    pub(crate) timeout_s: u64,
    pub(crate) retry: Retry,
    /// Null: as fast as it bears.
    pub(crate) rate_limit: Option<Rate>,
    pub(crate) breaker: Breaker,
    /// `enabled`, `paused` or `disabled`.
    pub(crate) state: &'static str,
    /// Why it is disabled, such as `gone`.
    pub(crate) state_reason: Option<String>,
    pub(crate) state_since: String,
    pub(crate) health: Health,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

/// Whether an endpoint that fails is left alone for a time.
///
/// Each dispatcher has a circuit breaker of its own for it; here they are taken together, and the
/// worst counts.
#[derive(Serialize, ToSchema)]
pub(crate) struct Breaker {
    /// `closed`: deliveries are attempted; `half_open`: a few are, to see whether it is well again;
    /// `open`: none is.
    pub(crate) state: &'static str,
    /// Since when; null where it was never otherwise.
    since: Option<String>,
    /// When an open one lets a few through again.
    pub(crate) retry_at: Option<String>,
}

impl From<Option<BreakerStanding>> for Breaker {
    fn from(standing: Option<BreakerStanding>) -> Self {
        let state = standing.map_or(BreakerState::Closed, |standing| standing.state);
        Self {
            state: state.as_str(),
            since: standing.map(|standing| text::instant(standing.since)),
            retry_at: state.retry_at().map(text::instant),
        }
    }
}

/// What is shown of endpoints beside their own rows.
pub(crate) struct Beside {
    platform: PlatformSettings,
    breakers: HashMap<EndpointId, BreakerStanding>,
    health: HashMap<EndpointId, HealthRecord>,
}

impl Beside {
    /// Reads it for these endpoints of a tenant.
    pub(super) async fn of(
        store: &Store,
        tenant: TenantId,
        endpoints: &[EndpointId],
    ) -> Result<Self, Problem> {
        let breakers = store.breakers(endpoints, OffsetDateTime::now_utc());
        let health = store.endpoints_health(tenant, endpoints.iter().copied());
        let read = tokio::try_join!(store.platform_settings(), breakers, health);
        let (platform, breakers, health) = read.map_err(|error| problem::of_store(&error))?;
        Ok(Self {
            platform,
            breakers,
            health,
        })
    }

    /// The endpoint as it is shown; a new one has had no attempt and holds nothing.
    pub(super) fn show(&self, record: EndpointRecord) -> Endpoint {
        let health = self.health.get(&record.id).copied().unwrap_or_default();
        let health = Health::of(&record, health);
        let settings = record.settings;
        Endpoint {
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
            retry: Retry::of_endpoint(settings.retry.as_ref(), &self.platform),
            rate_limit: settings.rate_limit.map(Rate::from),
            breaker: self.breakers.get(&record.id).copied().into(),
            state: record.state.as_str(),
            state_reason: record.state_reason,
            state_since: text::instant(record.state_since),
            health,
            created_at: text::instant(record.created_at),
            updated_at: text::instant(record.updated_at),
        }
    }
}
