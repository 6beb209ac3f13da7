//! What is wrong with a request or an event, as a problem.

use axum::http::StatusCode;
use service::problem::Problem;

use crate::acceptor::AcceptError;
use crate::batcher::NotAccepted;
use crate::check::{Reason, Refusal};
use crate::http::Api;
use crate::metrics::Way;

/// How soon a publisher may try again, in seconds.
const RETRY_AFTER_S: u32 = 1;

/// Why something is not answered with success.
pub(super) enum Fault {
    /// What was sent is refused.
    Refused(Refusal),
    /// It is in order, and can't be taken now.
    NotAccepted(NotAccepted),
    /// The request itself is at fault.
    Request(Problem),
}

impl Api {
    /// A fault as its publisher is told of it, counted.
    pub(super) fn problem(&self, fault: Fault) -> Problem {
        match fault {
            Fault::Refused(refusal) => {
                let metrics = &self.acceptor.metrics;
                metrics.refused(Way::Http, refusal.reason);
                refused(&refusal)
            }
            Fault::NotAccepted(error) => not_accepted(error),
            Fault::Request(problem) => problem,
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<AcceptError> for Fault {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Refused(refusal) => Self::Refused(refusal),
            AcceptError::NotAccepted(error) => Self::NotAccepted(error),
        }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Request(problem)
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let (status, kind, title) = match refusal.reason {
        Reason::Malformed => (
            StatusCode::BAD_REQUEST,
            "malformed",
            "The body can't be read",
        ),
        Reason::Invalid => (
            StatusCode::BAD_REQUEST,
            "invalid-event",
            "The event is not valid",
        ),
        Reason::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
        Reason::UnknownTenant => (StatusCode::NOT_FOUND, "unknown-tenant", "Unknown tenant"),
        Reason::Conflict => (StatusCode::CONFLICT, "key-reused", "The id was used before"),
        Reason::UnsupportedType => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-type",
            "Unsupported content type",
        ),
        Reason::Schema => (
            StatusCode::BAD_REQUEST,
            "schema-violated",
            "The payload violates its schema",
        ),
        Reason::Loop => (
            StatusCode::LOOP_DETECTED,
            "loop",
            "A delivery, not an event",
        ),
    };
    let problem = Problem::new(status, kind, title, refusal.to_string());
    let faults = refusal.faults().into_iter();
    faults.fold(problem, |problem, (pointer, detail)| {
        problem.at(pointer, detail)
    })
}

fn not_accepted(error: NotAccepted) -> Problem {
    let advice = match error {
        NotAccepted::Overloaded | NotAccepted::Unavailable => "it was not accepted: try again",
        NotAccepted::Unknown => {
            "it may be delivered nevertheless: try again with the same Idempotency-Key"
        }
    };
    let detail = format!("{error}; {advice}");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "Not available",
        detail,
    )
    .retry_after_s(RETRY_AFTER_S)
}
