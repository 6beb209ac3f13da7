//! What is wrong with an event, as a problem.

use axum::http::StatusCode;
use service::problem::Problem;

use crate::acceptor::AcceptError;
use crate::batcher::NotAccepted;
use crate::check::{Reason, Refusal};

/// How soon a publisher may try again, in seconds.
const RETRY_AFTER_S: u32 = 1;

/// The problem of an event that was not accepted.
pub(super) fn of(error: &AcceptError) -> Problem {
    match error {
        AcceptError::Refused(refusal) => refused(refusal),
        AcceptError::NotAccepted(error) => not_accepted(*error),
    }
}

/// The problem of a refused event.
pub(super) fn refused(refusal: &Refusal) -> Problem {
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
    };
    let problem = Problem::new(status, kind, title, refusal.to_string());
    match refusal.pointer {
        "" => problem,
        pointer => problem.at(pointer, &refusal.detail),
    }
}

/// The problem of an event that can't be taken now.
pub(super) fn not_accepted(error: NotAccepted) -> Problem {
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
