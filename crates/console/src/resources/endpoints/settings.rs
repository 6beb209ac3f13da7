//! What an endpoint's owner sets, judged.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::address::AddressPolicy;
use domain::endpoint::{BodyFormat, RateLimit};
use domain::endpoint_url;
use domain::limits;
use serde::{Deserialize, Serialize};
use service::problem::Problem;
use signature::Secret;
use store::endpoints::Settings;
use url::Url;
use utoipa::ToSchema;

use crate::problem::invalid;
use crate::resources::given::Given;
use crate::resources::retry::{self, Growing};
use crate::resources::selection::{self, channels, patterns};
use crate::resources::{own_headers, text};

/// An endpoint to be registered.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEndpoint)]
pub(crate) struct ToCreate {
    /// Where events are posted: https, and not inside.
    #[schema(example = "https://example.com/webhooks")]
    pub(crate) url: String,
    /// Event types or patterns; every type, if left out.
    #[schema(example = json!(["shipment.created", "user.*"]))]
    pub(crate) event_types: Option<Vec<String>>,
    /// Only events that carry one of these.
    #[serde(default)]
    pub(crate) channels: Vec<String>,
    /// Only events whose payload (`@`) is like this: a logical expression of JSONPath (RFC 9535).
    #[schema(example = "@.status == 'created' && @.customer.country == 'DE'")]
    pub(crate) filter: Option<String>,
    #[serde(default)]
    pub(crate) description: String,
    /// Headers of its own, such as `authorization`. Values are kept encrypted and never shown.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// `guide` (the default), `standard` or `cloudevents`.
    pub(crate) format: Option<String>,
    /// The deadline of an attempt, 1 to 30 seconds; 15, if left out.
    pub(crate) timeout_s: Option<u64>,
    /// The waits between attempts, in seconds; the platform's schedule, if left out.
    #[serde(default)]
    #[schema(value_type = Option<Vec<u64>>, example = json!([5, 30, 120, 600]))]
    pub(crate) retry_waits_s: Given<Vec<u64>>,
    /// The same as a rule, in the place of a list.
    pub(crate) retry_exponential: Option<Growing>,
    /// How fast requests may be sent; as fast as it bears, if left out.
    pub(crate) rate_limit: Option<Rate>,
    /// A secret that exists already (`whsec_…`); a new one is drawn, if left out.
    pub(crate) secret: Option<String>,
}

/// What to change of an endpoint.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EndpointChanges)]
pub(crate) struct Changes {
    pub(crate) url: Option<String>,
    pub(crate) event_types: Option<Vec<String>>,
    pub(crate) channels: Option<Vec<String>>,
    /// Null removes it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(crate) filter: Given<String>,
    pub(crate) description: Option<String>,
    /// All headers of its own, in the place of those before; null keeps the value that one has.
    pub(crate) headers: Option<BTreeMap<String, Option<String>>>,
    pub(crate) format: Option<String>,
    pub(crate) timeout_s: Option<u64>,
    /// Null for the platform's schedule.
    #[serde(default)]
    #[schema(value_type = Option<Vec<u64>>)]
    pub(crate) retry_waits_s: Given<Vec<u64>>,
    pub(crate) retry_exponential: Option<Growing>,
    /// Null for none.
    #[serde(default)]
    #[schema(value_type = Option<Rate>)]
    pub(crate) rate_limit: Given<Rate>,
}

/// How fast requests may be sent to an endpoint: over any span of time, no more than `burst` and
/// `per_second` times the span.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    /// Requests a second, 1 to 10,000.
    #[schema(example = 10)]
    pub(crate) per_second: u32,
    /// Requests at once after a time without any, 1 to 10,000; as many as a second's, if left out.
    #[schema(example = 20)]
    pub(crate) burst: Option<u32>,
}

impl ToCreate {
    /// The settings and the owner's own secret, if there is one.
    pub(super) fn judged(
        self,
        addresses: &AddressPolicy,
    ) -> Result<(Settings, Option<Secret>), Problem> {
        text::description("#/description", &self.description)?;
        let everything = || vec!["*".to_owned()];
        let settings = Settings {
            url: url(&self.url, addresses)?,
            description: self.description,
            event_types: patterns(&self.event_types.unwrap_or_else(everything))?,
            channels: channels(&self.channels)?,
            format: self
                .format
                .as_deref()
                .map_or(Ok(BodyFormat::Guide), format)?,
            headers: own_headers::judged(self.headers)?,
            timeout: self
                .timeout_s
                .map_or(Ok(limits::ATTEMPT_TIMEOUT), timeout)?,
            retry: retry::judged(self.retry_waits_s, self.retry_exponential)?.over(None),
            rate_limit: self.rate_limit.map(rate_limit).transpose()?,
            filter: self.filter.map(filter).transpose()?,
        };
        let secret = self.secret.as_deref().map(Secret::parse).transpose();
        Ok((
            settings,
            secret.map_err(|error| invalid("#/secret", error))?,
        ))
    }
}

impl Changes {
    /// The settings with the changes made.
    pub(super) fn applied(
        self,
        seen: Settings,
        addresses: &AddressPolicy,
    ) -> Result<Settings, Problem> {
        if let Some(description) = &self.description {
            text::description("#/description", description)?;
        }
        let text = |given: Option<String>, seen| given.unwrap_or(seen);
        Ok(Settings {
            url: self
                .url
                .map_or(Ok(seen.url), |given| url(&given, addresses))?,
            description: text(self.description, seen.description),
            event_types: self
                .event_types
                .map_or(Ok(seen.event_types), |given| patterns(&given))?,
            channels: self
                .channels
                .map_or(Ok(seen.channels), |given| channels(&given))?,
            format: self
                .format
                .map_or(Ok(seen.format), |given| format(&given))?,
            headers: match self.headers {
                Some(given) => own_headers::changed(given, &seen.headers)?,
                None => seen.headers,
            },
            timeout: self.timeout_s.map_or(Ok(seen.timeout), timeout)?,
            retry: retry::judged(self.retry_waits_s, self.retry_exponential)?.over(seen.retry),
            rate_limit: self.rate_limit.try_map(rate_limit)?.over(seen.rate_limit),
            filter: self.filter.try_map(filter)?.over(seen.filter),
        })
    }
}

pub(super) fn url(given: &str, addresses: &AddressPolicy) -> Result<Url, Problem> {
    endpoint_url::parse(given, addresses).map_err(|error| invalid("#/url", error))
}

/// The filter as it was given, once it is known to be one.
pub(super) fn filter(given: String) -> Result<String, Problem> {
    selection::filter(&given)?;
    Ok(given)
}

pub(super) fn format(given: &str) -> Result<BodyFormat, Problem> {
    BodyFormat::from_name(given)
        .ok_or_else(|| invalid("#/format", "guide, standard or cloudevents"))
}

pub(super) fn timeout(seconds: u64) -> Result<Duration, Problem> {
    let timeout = Duration::from_secs(seconds);
    if (limits::ATTEMPT_TIMEOUT_MIN..=limits::ATTEMPT_TIMEOUT_MAX).contains(&timeout) {
        return Ok(timeout);
    }
    Err(invalid("#/timeout_s", "1 to 30 seconds"))
}

pub(super) fn rate_limit(given: Rate) -> Result<RateLimit, Problem> {
    let burst = given.burst.unwrap_or(given.per_second);
    RateLimit::new(given.per_second, burst).map_err(|error| invalid("#/rate_limit", error))
}

impl From<RateLimit> for Rate {
    fn from(limit: RateLimit) -> Self {
        Self {
            per_second: limit.per_second().into(),
            burst: Some(limit.burst().into()),
        }
    }
}
