//! The HTTP API for publishers.

mod batch;
mod body;
mod events;
mod key;
mod problem;
mod traced;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use service::problem::Problem;

use crate::acceptor::Acceptor;
use crate::config::Config;
use crate::room::Room;

/// How much of requests' bodies is held at once, in bytes.
const BODIES_BYTES: usize = 128 * 1024 * 1024;

/// What every request is served with.
#[derive(Clone)]
struct Api {
    acceptor: Acceptor,
    body_bytes: usize,
    bodies: Room,
}

/// The routes.
pub(crate) fn router(acceptor: Acceptor, config: &Config) -> Router {
    Router::new()
        .route("/v1/events", post(events::publish))
        .route("/v1/events/batch", post(batch::publish))
        .fallback(async || {
            let detail = "publish with POST /v1/events or POST /v1/events/batch";
            Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
        })
        .method_not_allowed_fallback(async || {
            let detail = "events are published with POST";
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Problem::new(status, "method-not-allowed", "Method not allowed", detail)
        })
        .with_state(Api {
            acceptor,
            body_bytes: config.body_bytes,
            bodies: Room::new(BODIES_BYTES),
        })
}
