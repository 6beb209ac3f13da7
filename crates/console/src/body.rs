//! JSON bodies, within their bounds; a member that isn't known is refused by name.

use axum::body::Body as Stream;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use service::problem::Problem;

use crate::api::Api;

/// The largest body, in bytes.
const MOST: usize = 64 * 1024;

/// A request's JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        let (parts, stream) = request.into_parts();
        let essence = parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case("application/json") {
            let (status, title) = (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported content type",
            );
            let detail = "send the body as Content-Type: application/json";
            return Err(Problem::new(status, "unsupported-type", title, detail));
        }
        let bytes = read(stream).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let (status, title) = (StatusCode::BAD_REQUEST, "The body can't be read");
            Problem::new(status, "malformed", title, error.to_string())
        })
    }
}

pub(crate) async fn read(stream: Stream) -> Result<bytes::Bytes, Problem> {
    match Limited::new(stream, MOST).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let detail = format!("the body is larger than {MOST} bytes");
            Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "Too large",
                detail,
            ))
        }
        Err(_) => {
            let detail = "the body broke off: send it again";
            Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "broken-body",
                "The body broke off",
                detail,
            ))
        }
    }
}

/// 201 with where it is, and what it is.
pub(crate) struct Created<T> {
    pub(crate) location: String,
    pub(crate) body: T,
}

impl<T: serde::Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let headers = [(header::LOCATION, self.location)];
        (StatusCode::CREATED, headers, axum::Json(self.body)).into_response()
    }
}
