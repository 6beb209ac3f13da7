//! Endpoints: where a tenant's events go, as their owners manage them.
//!
//! **Invariant:** an endpoint's own headers and its secrets enter the record encrypted; a secret
//! leaves it for the dispatcher alone.

use std::fmt;
use std::time::Duration;

use domain::endpoint::{BodyFormat, EndpointState, RateLimit};
use domain::event::Channel;
use domain::event_type::EventTypePattern;
use domain::id::{EndpointId, TenantId};
use domain::retry::RetryPolicy;
use time::OffsetDateTime;
use url::Url;

pub use secrets::SECRETS;
pub use state::{FAILING, GONE, Switch};

mod rewrap;
pub(crate) mod row;
pub(crate) mod secrets;
mod state;
mod write;

/// What an endpoint's owner sets. The caller has checked the bounds of [`domain::limits`].
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where deliveries are posted. It may carry a token.
    pub url: Url,
    /// What people call it.
    pub description: String,
    /// The event types; an event must match one of them.
    pub event_types: Vec<EventTypePattern>,
    /// The channels; where there are any, an event must carry one of them.
    pub channels: Vec<Channel>,
    /// The form of the body.
    pub format: BodyFormat,
    /// Headers of its own, names in lower case. Their values are secrets.
    pub headers: Vec<(String, String)>,
    /// The deadline of an attempt, to the millisecond.
    pub timeout: Duration,
    /// The waits between attempts, to the second; none for the platform's default.
    pub retry: Option<RetryPolicy>,
    /// What a payload must be like, as [`domain::selection::Filter`] reads it; none for every
    /// payload. It is kept as text: a newer version's must not be lost by an older one.
    pub filter: Option<String>,
    /// How fast requests may be sent, where it is limited.
    pub rate_limit: Option<RateLimit>,
}

// The URL and the headers may carry secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("host", &self.url.host_str())
            .field("event_types", &self.event_types)
            .finish_non_exhaustive()
    }
}

/// An endpoint as the record has it, its secrets apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRecord {
    /// The endpoint.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What its owner set.
    pub settings: Settings,
    /// Whether deliveries are made.
    pub state: EndpointState,
    /// Why it is not enabled: [`GONE`], [`FAILING`], or what whoever switched it gave.
    pub state_reason: Option<String>,
    /// Since when it is in this state.
    pub state_since: OffsetDateTime,
    /// Grows with every change that its owner can see; for `If-Match`.
    pub version: i64,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
}

/// Which version of an endpoint a change is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Whichever there is.
    Any,
    /// This one: somebody else's change in between must not be overwritten unseen.
    Version(i64),
}

impl Precondition {
    pub(crate) fn column(self) -> Option<i64> {
        match self {
            Self::Any => None,
            Self::Version(version) => Some(version),
        }
    }
}
