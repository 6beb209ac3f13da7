//! An HTTP server with bounds: connections, the time for a request's head, the drain.

use std::convert::Infallible;
use std::pin::pin;
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
use tokio_util::sync::CancellationToken;
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
    serve_within(HEAD, listener, app, life).await;
}

/// The same, with another bound on heads and idle connections.
async fn serve_within(head: Duration, listener: TcpListener, app: Router, life: Lifecycle) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(head);
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
        let asked = CancellationToken::new();
        let first = asked.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            first.cancel();
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
            let mut connection = pin!(connection);
            // While nobody can tell which HTTP it speaks, the builder's own bounds don't hold yet.
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = asked.cancelled() => connection.await,
                () = tokio::time::sleep(head) => return,
            };
            if let Err(error) = ended {
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

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    /// Longer than anything here takes on a busy machine.
    const SOON: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_head_that_does_not_come_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let life = Lifecycle::new();
        let app = Router::new().route("/", get(async || "hello"));
        let served = serve_within(Duration::from_millis(200), listener, app, life.clone());
        life.spawn(served);
        let ask = async |sent: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(sent.as_bytes()).await.unwrap();
            let mut answer = String::new();
            let read = timeout(SOON, stream.read_to_string(&mut answer)).await;
            read.expect("the server ends it").unwrap();
            answer
        };
        let whole = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        // Also a connection that is kept and says nothing more.
        assert!(ask(whole).await.ends_with("hello"));
        for begun in ["", "PRI * HTTP", "GET", &whole[..whole.len() - 2]] {
            assert!(!ask(begun).await.contains("hello"), "{begun:?}");
        }
        life.drain(SOON).await;
    }
}
