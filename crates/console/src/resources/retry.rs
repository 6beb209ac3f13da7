//! Retry policies, as they are given and shown.

use std::time::Duration;

use domain::retry::{Exponential, RetryPolicy};
use serde::{Deserialize, Serialize};
use service::problem::Problem;
use store::settings::PlatformSettings;
use utoipa::ToSchema;

use super::given::Given;
use crate::problem::invalid;

/// Waits that grow: the first is `base_s`, each next one `factor` times the last, none above
/// `cap_s`. Together they last 7 days at most.
#[derive(Debug, Deserialize, ToSchema)]
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

/// When a failed delivery is tried again.
#[derive(Serialize, ToSchema)]
pub(crate) struct Retry {
    /// The waits between attempts, in seconds; each grows by up to a tenth of jitter.
    pub(crate) waits_s: Vec<u64>,
    /// How many attempts are made in all.
    pub(crate) attempts: usize,
    /// The outage that a delivery survives, in seconds.
    pub(crate) span_s: u64,
    /// Whose policy it is: `endpoint`, `platform` (see `/v1/settings`) or `built_in`.
    pub(crate) source: &'static str,
}

impl Retry {
    /// An endpoint's policy, or what stands behind it.
    pub(super) fn of_endpoint(own: Option<&RetryPolicy>, platform: &PlatformSettings) -> Self {
        match own {
            Some(own) => Self::new(own, "endpoint"),
            None => Self::of_platform(platform),
        }
    }

    /// The platform's policy, or what stands behind it.
    pub(crate) fn of_platform(platform: &PlatformSettings) -> Self {
        match &platform.retry {
            Some(policy) => Self::new(policy, "platform"),
            None => Self::new(&RetryPolicy::default(), "built_in"),
        }
    }

    fn new(policy: &RetryPolicy, source: &'static str) -> Self {
        let waits_s: Vec<u64> = policy.waits().iter().map(Duration::as_secs).collect();
        Self {
            attempts: waits_s.len() + 1,
            span_s: policy.span().as_secs(),
            waits_s,
            source,
        }
    }
}

/// The policy that was given, as a list or as a rule.
pub(super) fn judged(
    waits: Given<Vec<u64>>,
    growing: Option<Growing>,
) -> Result<Given<RetryPolicy>, Problem> {
    match (waits, growing) {
        (waits, None) => waits
            .try_map(RetryPolicy::try_from)
            .map_err(|error| invalid("#/retry_waits_s", error)),
        (Given::Nothing, Some(growing)) => RetryPolicy::exponential(growing.into())
            .map(Given::Value)
            .map_err(|error| invalid("#/retry_exponential", error)),
        (Given::Null | Given::Value(_), Some(_)) => Err(invalid(
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
