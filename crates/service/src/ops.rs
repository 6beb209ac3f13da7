//! The port for operators: `/livez`, `/readyz` and `/metrics`.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;

use crate::health::{Health, Readiness};
use crate::lifecycle::Lifecycle;

#[derive(Clone)]
struct Ops {
    health: Health,
    registry: Registry,
    life: Lifecycle,
}

/// Serves until the grace is over, so that a draining process can be watched.
///
/// `/livez` asks nobody: a process that can answer is alive, and restarting it would not mend a
/// broker. `/readyz` is 503 while a part is not ready or the process drains; `?verbose` lists the
/// parts.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    registry: Registry,
    life: Lifecycle,
) -> std::io::Result<()> {
    health.show();
    let abort = life.abort().clone();
    let app = router(Ops {
        health,
        registry,
        life,
    });
    axum::serve(listener, app)
        .with_graceful_shutdown(abort.cancelled_owned())
        .await
}

fn router(ops: Ops) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(ops)
}

async fn readyz(State(ops): State<Ops>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let draining = ops.life.stop().is_cancelled();
    let ready = !draining && ops.health.readiness() == Readiness::Ready;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut text = String::from(match (ready, draining) {
        (true, _) => "ready\n",
        (false, true) => "draining\n",
        (false, false) => "not ready\n",
    });
    if query.as_deref() == Some("verbose") {
        for (part, readiness) in ops.health.parts() {
            let mark = if readiness == Readiness::Ready {
                '+'
            } else {
                '-'
            };
            text.push_str(&format!("[{mark}] {part}\n"));
        }
    }
    (status, text)
}

async fn metrics(State(ops): State<Ops>) -> impl IntoResponse {
    match TextEncoder::new().encode_to_string(&ops.registry.gather()) {
        Ok(text) => Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text)),
        Err(error) => {
            tracing::error!(%error, "metrics could not be encoded");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn get(ops: &Ops, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router(ops.clone()).oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_follows_the_parts_and_the_drain() {
        let ops = Ops {
            health: Health::new(),
            registry: Registry::new(),
            life: Lifecycle::new(),
        };
        let broker = ops.health.latch("broker");
        let (status, text) = get(&ops, "/readyz?verbose").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(text, "not ready\n[-] broker\n");

        broker.set(Readiness::Ready);
        assert_eq!(
            get(&ops, "/readyz").await,
            (StatusCode::OK, "ready\n".to_owned())
        );

        ops.life.stop().cancel();
        assert_eq!(
            get(&ops, "/readyz").await.0,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(get(&ops, "/livez").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let registry = Registry::new();
        let counter = prometheus::IntCounter::new("posthaste_things_total", "Things.").unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.inc();
        let ops = Ops {
            health: Health::new(),
            registry,
            life: Lifecycle::new(),
        };
        let (status, text) = get(&ops, "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains("posthaste_things_total 1"), "{text}");
    }
}
