//! What a delivery and its attempts look like.

use domain::report::{Extent, Standing};
use serde::Serialize;
use store::attempts::AttemptRecord;
use store::deliveries::DeliveryRecord;
use utoipa::ToSchema;

use crate::resources::text::{self, Foreign};

/// A delivery.
#[derive(Serialize, ToSchema)]
pub(crate) struct Delivery {
    #[schema(example = "dlv_0193a5c8e0b87c3aa1f2c9d8e7f60512")]
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) event_type: String,
    pub(crate) endpoint: String,
    /// `waiting`, `delivered`, `dead`, `held` or `cancelled`.
    pub(crate) state: &'static str,
    /// The attempt that the state speaks of: the next one when waiting or held, else the last.
    pub(crate) attempt: u16,
    /// When it is attempted next, as planned.
    pub(crate) next_attempt_at: Option<String>,
    /// Why it is dead: `exhausted`, `gone` or `poison`.
    pub(crate) dead_reason: Option<&'static str>,
    /// The last answer's status.
    pub(crate) last_status: Option<u16>,
    /// `delivered`, `http_error`, or why there was no answer.
    pub(crate) last_outcome: Option<String>,
    pub(crate) last_attempt_at: Option<String>,
    /// `automatic` or `replay`.
    pub(crate) trigger: &'static str,
    /// The delivery that a replay repeats.
    pub(crate) replay_of: Option<String>,
    pub(crate) updated_at: String,
}

impl From<DeliveryRecord> for Delivery {
    fn from(record: DeliveryRecord) -> Self {
        let (next_attempt_at, dead_reason) = match record.standing {
            Standing::Waiting {
                next_attempt_at, ..
            } => (Some(next_attempt_at), None),
            Standing::Dead { reason, .. } => (None, Some(reason.as_str())),
            Standing::Delivered { .. } | Standing::Held { .. } | Standing::Cancelled { .. } => {
                (None, None)
            }
        };
        let last = record.last_attempt.as_ref();
        Self {
            id: record.delivery.id.to_string(),
            event: record.event.to_string(),
            event_type: record.event_type.to_string(),
            endpoint: record.delivery.endpoint.to_string(),
            state: record.standing.state().as_str(),
            attempt: record.standing.attempt().get(),
            next_attempt_at: next_attempt_at.map(text::instant),
            dead_reason,
            last_status: last.and_then(|last| last.status),
            last_outcome: last.map(|last| last.outcome.clone()),
            last_attempt_at: last.map(|last| text::instant(last.started_at)),
            trigger: record.delivery.trigger.as_str(),
            replay_of: record.delivery.replay_of.map(|id| id.to_string()),
            updated_at: text::instant(record.updated_at),
        }
    }
}

/// A delivery with its attempts, the first first.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithAttempts {
    #[serde(flatten)]
    pub(crate) delivery: Delivery,
    pub(crate) attempts: Vec<Attempt>,
}

/// An attempt.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attempt {
    pub(crate) number: u16,
    pub(crate) started_at: String,
    pub(crate) duration_ms: u64,
    pub(crate) status: Option<u16>,
    /// `delivered`, `http_error`, or why there was no answer.
    pub(crate) outcome: String,
    /// The beginning of the answer's body, at most 16 KiB.
    pub(crate) answer: Foreign,
    /// Whether there was more of it.
    pub(crate) answer_truncated: bool,
}

impl WithAttempts {
    pub(super) fn new(delivery: DeliveryRecord, attempts: Vec<AttemptRecord>) -> Self {
        let attempts = attempts.into_iter().map(|attempt| Attempt {
            number: attempt.number.get(),
            started_at: text::instant(attempt.started_at),
            duration_ms: text::milliseconds(attempt.duration),
            status: attempt.status,
            outcome: attempt.outcome,
            answer: Foreign::of(&attempt.answer),
            answer_truncated: attempt.extent == Extent::Truncated,
        });
        Self {
            attempts: attempts.collect(),
            delivery: delivery.into(),
        }
    }
}
