//! Endpoints: where a tenant's events go, and what they select.

use std::fmt;
use std::time::Duration;

use url::Url;

use crate::id::{EndpointId, TenantId};
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
