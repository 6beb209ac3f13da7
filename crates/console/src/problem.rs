//! What is wrong with a request, as a problem.

use axum::http::StatusCode;
use service::problem::Problem;
use store::StoreError;

/// How soon a caller may try again, in seconds.
const RETRY_AFTER_S: u32 = 1;

/// There is no such thing, or none that the caller may know of.
pub(crate) fn not_found() -> Problem {
    let detail = "there is no such thing here, or not for this API key";
    Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
}

/// It may work in a moment.
pub(crate) fn unavailable(detail: &str) -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "unavailable", "Not available", detail).retry_after_s(RETRY_AFTER_S)
}

/// A member of the body, or a parameter, has a value that can't be used.
pub(crate) fn invalid(pointer: impl Into<String>, detail: impl std::fmt::Display) -> Problem {
    let (pointer, detail) = (pointer.into(), detail.to_string());
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let whole = format!("{pointer}: {detail}");
    Problem::new(status, "invalid", "A value can't be used", whole).at(pointer, detail)
}

/// A parameter of the query can't be used.
pub(crate) fn bad_parameter(name: &str, detail: &str) -> Problem {
    let whole = format!("{name}: {detail}");
    Problem::new(
        StatusCode::BAD_REQUEST,
        "bad-parameter",
        "A parameter can't be used",
        whole,
    )
    .at(format!("query:{name}"), detail)
}

/// The query as a whole can't be read.
pub(crate) fn unreadable_query(detail: impl Into<String>) -> Problem {
    let status = StatusCode::BAD_REQUEST;
    Problem::new(status, "bad-parameter", "A parameter can't be used", detail)
}

/// What the record answered.
pub(crate) fn of_store(error: &StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Schema(_) | StoreError::Role(_) => {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the record does not answer"
            );
            unavailable("the record does not answer: try again")
        }
        StoreError::NotFound | StoreError::Unstorable => not_found(),
        StoreError::Conflict => {
            let detail = "it exists already, or there are too many";
            Problem::new(StatusCode::CONFLICT, "conflict", "Conflict", detail)
        }
        StoreError::VersionMismatch => {
            let detail = "it has changed since: get it again and send its new ETag as If-Match";
            Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "changed",
                "It has changed",
                detail,
            )
        }
        StoreError::MissingPartition | StoreError::Broken(_) => {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the record is broken"
            );
            let detail = "this is our fault, and is in our log";
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "internal", "Internal error", detail)
        }
    }
}
