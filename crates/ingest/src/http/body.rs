//! A request's body, within its bounds, and what it says it is.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use service::problem::Problem;
use tokio::time::timeout;

use crate::check::{Reason, Refusal};
use crate::http::problem;

/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_secs(15);

/// Reads a body of at most `most` bytes.
pub(super) async fn read(body: Body, most: usize) -> Result<Bytes, Problem> {
    let reading = Limited::new(body, most).collect();
    match timeout(PATIENCE, reading).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("the body is larger than {most} bytes");
            let pointer = "";
            Err(problem::refused(&Refusal {
                reason: Reason::TooLarge,
                pointer,
                detail,
            }))
        }
        Ok(Err(_)) => {
            let detail = "the body broke off: send it again";
            Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "broken-body",
                "The body broke off",
                detail,
            ))
        }
        Err(_) => {
            let detail = format!("the body took longer than {} s", PATIENCE.as_secs());
            Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                "Too slow",
                detail,
            ))
        }
    }
}

/// The content type, in lower case and without parameters. A body in another encoding is refused.
pub(super) fn content_type(headers: &HeaderMap) -> Result<String, Problem> {
    let unsupported = |pointer, detail: &str| {
        let detail = detail.to_owned();
        problem::refused(&Refusal {
            reason: Reason::UnsupportedType,
            pointer,
            detail,
        })
    };
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        let detail = "compressed bodies are not read: send it as it is";
        return Err(unsupported("header:Content-Encoding", detail));
    }
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let value = value.ok_or_else(|| {
        unsupported(
            "header:Content-Type",
            "missing: send Content-Type: application/json",
        )
    })?;
    let essence = value.split(';').next().unwrap_or_default();
    Ok(essence.trim().to_ascii_lowercase())
}

/// The problem of a content type that is not read here.
pub(super) fn unread(content_type: &str, read: &str) -> Problem {
    problem::refused(&Refusal {
        reason: Reason::UnsupportedType,
        pointer: "header:Content-Type",
        detail: format!("{content_type} is not read here: send {read}"),
    })
}
