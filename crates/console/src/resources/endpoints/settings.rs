//! What an endpoint's owner sets, judged.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::address::AddressPolicy;
use domain::endpoint::BodyFormat;
use domain::endpoint_url;
use domain::limits;
use domain::retry::{Exponential, RetryPolicy};
use serde::{Deserialize, Deserializer};
use service::problem::Problem;
use signature::Secret;
use store::endpoints::Settings;
use url::Url;
use utoipa::ToSchema;

use crate::problem::invalid;
use crate::resources::selection::{self, channels, patterns};
use crate::resources::{own_headers, text};

/// An endpoint to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToCreate {
    /// Where events are posted: https, and not inside.
    #[schema(example = "https://example.com/webhooks")]
    url: String,
    /// Event types or patterns; every type, if left out.
    #[schema(example = json!(["shipment.created", "user.*"]))]
    event_types: Option<Vec<String>>,
    /// Only events that carry one of these.
    #[serde(default)]
    channels: Vec<String>,
    /// Only events whose payload (`@`) is like this: a logical expression of JSONPath (RFC 9535).
    #[schema(example = "@.status == 'created' && @.customer.country == 'DE'")]
    filter: Option<String>,
    #[serde(default)]
    description: String,
    /// Headers of its own, such as `authorization`. Values are kept encrypted and never shown.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// `guide` (the default), `standard` or `cloudevents`.
    format: Option<String>,
    /// The deadline of an attempt, 1 to 30 seconds; 15, if left out.
    timeout_s: Option<u64>,
    /// The waits between attempts, in seconds; the platform's schedule, if left out.
    #[schema(example = json!([5, 30, 120, 600]))]
    retry_waits_s: Option<Vec<u64>>,
    /// The same as a rule, in the place of a list.
    retry_exponential: Option<Growing>,
    /// A secret that exists already (`whsec_…`); a new one is drawn, if left out.
    secret: Option<String>,
}

/// What to change of an endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    url: Option<String>,
    event_types: Option<Vec<String>>,
    channels: Option<Vec<String>>,
    /// Null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    filter: Option<Option<String>>,
    description: Option<String>,
    /// All headers of its own, in the place of those before.
    headers: Option<BTreeMap<String, String>>,
    format: Option<String>,
    timeout_s: Option<u64>,
    retry_waits_s: Option<Vec<u64>>,
    retry_exponential: Option<Growing>,
}

/// Waits that grow: the first is `base_s`, each next one `factor` times the last, none above
/// `cap_s`. Together they last 7 days at most.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Growing {
    /// In seconds, at least 1.
    #[schema(example = 5)]
    base_s: u64,
    /// 1 to 100.
    #[schema(example = 3.0)]
    factor: f64,
    /// In seconds, not below the base.
    #[schema(example = 36_000)]
    cap_s: u64,
    /// All attempts, the first included: 1 to 100.
    #[schema(example = 10)]
    attempts: u16,
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
            retry: retry(self.retry_waits_s, self.retry_exponential)?,
            filter: filter(self.filter)?,
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
            headers: self.headers.map_or(Ok(seen.headers), own_headers::judged)?,
            timeout: self.timeout_s.map_or(Ok(seen.timeout), timeout)?,
            retry: retry(self.retry_waits_s, self.retry_exponential)?.or(seen.retry),
            filter: self.filter.map_or(Ok(seen.filter), filter)?,
        })
    }
}

fn url(given: &str, addresses: &AddressPolicy) -> Result<Url, Problem> {
    endpoint_url::parse(given, addresses).map_err(|error| invalid("#/url", error))
}

/// The filter as it was given, once it is known to be one.
fn filter(given: Option<String>) -> Result<Option<String>, Problem> {
    if let Some(source) = &given {
        selection::filter(source)?;
    }
    Ok(given)
}

/// A member that is there, be it null: what isn't there stays as it is.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn format(given: &str) -> Result<BodyFormat, Problem> {
    BodyFormat::from_name(given)
        .ok_or_else(|| invalid("#/format", "guide, standard or cloudevents"))
}

fn timeout(seconds: u64) -> Result<Duration, Problem> {
    let timeout = Duration::from_secs(seconds);
    if (limits::ATTEMPT_TIMEOUT_MIN..=limits::ATTEMPT_TIMEOUT_MAX).contains(&timeout) {
        return Ok(timeout);
    }
    Err(invalid("#/timeout_s", "1 to 30 seconds"))
}

/// The policy that was given, as a list or as a rule; none, if neither was.
fn retry(
    waits: Option<Vec<u64>>,
    growing: Option<Growing>,
) -> Result<Option<RetryPolicy>, Problem> {
    match (waits, growing) {
        (None, None) => Ok(None),
        (Some(waits), None) => RetryPolicy::try_from(waits)
            .map(Some)
            .map_err(|error| invalid("#/retry_waits_s", error)),
        (None, Some(growing)) => RetryPolicy::exponential(growing.into())
            .map(Some)
            .map_err(|error| invalid("#/retry_exponential", error)),
        (Some(_), Some(_)) => Err(invalid(
            "#/retry_exponential",
            "give retry_waits_s or retry_exponential, not both",
        )),
    }
}

impl From<Growing> for Exponential {
    fn from(growing: Growing) -> Self {
        Self {
            base: Duration::from_secs(growing.base_s),
            factor: growing.factor,
            cap: Duration::from_secs(growing.cap_s),
            attempts: growing.attempts,
        }
    }
}
