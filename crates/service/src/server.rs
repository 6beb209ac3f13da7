//! An HTTP server with bounds: connections, the time for a request's head, the drain.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::lifecycle::Lifecycle;

/// The most connections at once; further ones wait to be accepted.
const CONNECTIONS: usize = 16_384;

/// How long a client may take over the head of a request, and keep an idle connection.
const HEAD: Duration = Duration::from_secs(30);

/// How long to wait after a failed accept, such as for want of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `life` is to stop, then lets the requests under way finish, for as long as the
/// grace lasts.
pub async fn serve(listener: TcpListener, app: Router, life: Lifecycle) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    while let Some(stream) = life.stop().run_until_cancelled(accept(&listener)).await {
        let Some(place) = life
            .stop()
            .run_until_cancelled(Arc::clone(&places).acquire_owned())
            .await
        else {
            break;
        };
        let app = app.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let app = app.clone();
            async move {
                let Ok(response) = app.oneshot(request.map(Body::new)).await;
                Ok::<_, Infallible>(response)
            }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = life.abort().cancelled() => {}
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers must not wait for the next acknowledgement.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection was lost while it was accepted");
                }
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}
