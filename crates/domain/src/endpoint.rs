//! Endpoints: where a tenant's events go, and what they select.

use std::fmt;
use std::num::NonZeroU16;
use std::time::Duration;

use url::Url;

use crate::id::{EndpointId, TenantId};
use crate::limits;
use crate::retry::RetryPolicy;

/// What the dispatcher needs to know of an endpoint, its secrets apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The endpoint.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where deliveries are posted. It may carry a token: never log more than its host.
    pub url: Url,
    /// Whether deliveries are made.
    pub state: EndpointState,
    /// The form of the body.
    pub format: BodyFormat,
    /// Headers of its own, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The deadline of an attempt over connect, headers and body.
    pub timeout: Duration,
    /// The waits between attempts.
    pub retry: RetryPolicy,
    /// How fast requests may be sent, where it is limited.
    pub rate_limit: Option<RateLimit>,
}

// The URL and the headers may carry secrets.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("host", &self.url.host_str())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// How fast requests may be sent to an endpoint, by all dispatchers together.
///
/// Over any span of time no more are sent than `burst` and `per_second` times the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    per_second: NonZeroU16,
    burst: NonZeroU16,
}

/// A rate limit that no endpoint may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rate limit is of 1 to {} requests, a second and at once",
    limits::RATE
)]
pub struct RateLimitError;

impl RateLimit {
    /// So many requests a second, and so many at once after a time without any.
    ///
    /// # Errors
    /// When one of the two is 0 or above [`limits::RATE`].
    pub fn new(per_second: u32, burst: u32) -> Result<Self, RateLimitError> {
        let bounded = |number: u32| {
            let number = u16::try_from(number).ok().and_then(NonZeroU16::new);
            number.filter(|number| number.get() <= limits::RATE)
        };
        bounded(per_second)
            .zip(bounded(burst))
            .map(|(per_second, burst)| Self { per_second, burst })
            .ok_or(RateLimitError)
    }

    /// How many requests a second.
    #[must_use]
    pub const fn per_second(self) -> u16 {
        self.per_second.get()
    }

    /// How many at once after a time without any.
    #[must_use]
    pub const fn burst(self) -> u16 {
        self.burst.get()
    }
}

/// Whether an endpoint's deliveries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointState {
    /// They are.
    Enabled,
    /// Its owner paused it: they are held.
    Paused,
    /// We stopped sending to it: they are held.
    Disabled,
}

impl EndpointState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Enabled, Self::Paused, Self::Disabled];

    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// The form of the body that an endpoint receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyFormat {
    /// `{"event":…,"data":…,"timestamp":…,"signature":…}`.
    Guide,
    /// `{"type":…,"timestamp":…,"data":…}`, as Standard Webhooks 1.0.0 recommends.
    Standard,
    /// `CloudEvents` 1.0, structured JSON.
    CloudEvents,
}

impl BodyFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Guide, Self::Standard, Self::CloudEvents];

    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::Standard => "standard",
            Self::CloudEvents => "cloudevents",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_has_its_bounds() {
        let most = u32::from(limits::RATE);
        let limit = RateLimit::new(1, most).unwrap();
        assert_eq!((limit.per_second(), limit.burst()), (1, limits::RATE));
        for (per_second, burst) in [(0, 1), (1, 0), (most + 1, 1), (1, most + 1), (70_000, 1)] {
            assert_eq!(RateLimit::new(per_second, burst), Err(RateLimitError));
        }
    }
}
