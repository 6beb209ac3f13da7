//! Who asks: the API key of a request.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use service::bearer;
use service::problem::Problem;
use store::api_keys::Scope;
use store::directory::Access;

use crate::acceptor::Acceptor;

/// The access of a request that may publish.
pub(super) async fn publisher(
    acceptor: &Acceptor,
    headers: &HeaderMap,
) -> Result<Arc<Access>, Problem> {
    if !acceptor.is_loaded() {
        let detail = "the keys and schemas are not loaded yet: try again";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Problem::new(status, "unavailable", "Not available", detail).retry_after_s(1));
    }
    let unauthorized = |detail| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Not authorized",
            detail,
        )
    };
    let bearer = bearer::token(headers)
        .ok_or_else(|| unauthorized("send the header Authorization: Bearer phk_…"))?;
    let access = match acceptor.access.current().authenticate(bearer) {
        Some(access) => Some(access),
        // It may have been made just now.
        None => acceptor.access.latest().await.authenticate(bearer),
    };
    let access = access.ok_or_else(|| unauthorized("the API key is not known, or was revoked"))?;
    if access.allows(Scope::Publish) {
        return Ok(access);
    }
    let detail = "the API key lacks the scope publish";
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "Not allowed",
        detail,
    ))
}
