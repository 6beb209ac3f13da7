//! The HTTP client, built once: what it may do, and what receivers may make it do.

use std::time::Duration;

use reqwest::{Client, redirect, retry};
use rustls::ClientConfig;
use tower::util::MapFutureLayer;

use super::resolver::GuardedResolver;
use super::stage;

/// The longest that connecting may take, name look-up and TLS handshake with it; the attempt's
/// deadline goes before it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept. Below the 60 s after which many servers close theirs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(55);

/// How long a connection of HTTP/2 with requests on it may be silent before it is asked whether
/// it is alive, and for its answer. Without the question, one that died silently would stay in the
/// pool and swallow every request to its host.
const ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The most headers of an answer, and the most bytes of them over HTTP/2.
const ANSWER_HEADERS: usize = 100;
const ANSWER_HEADER_BYTES: u32 = 64 * 1024;

/// The most bytes of bodies that a receiver may send over HTTP/2 before we read them: on one
/// request, and on one connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// A client that resolves by `resolver` alone and trusts whom `tls` trusts. It has no code for
/// decompression or cookies: those features are not compiled in.
///
/// A connection of its pool was made to an address that was judged; the policy doesn't change while
/// the client lives.
///
/// `idle_per_host` is to be as many requests as are made at once to one host. Each connection
/// beyond it is closed after its answer and made anew for the next request, which costs both ends
/// as much as the request.
pub(super) fn build(
    resolver: GuardedResolver,
    tls: ClientConfig,
    idle_per_host: usize,
) -> reqwest::Result<Client> {
    #[expect(clippy::disallowed_methods, reason = "the one place where it is made")]
    let builder = Client::builder();
    builder
        .tls_backend_preconfigured(tls)
        .dns_resolver(resolver)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .retry(retry::never())
        .connector_layer(MapFutureLayer::new(stage::connecting))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(idle_per_host)
        .http1_max_headers(ANSWER_HEADERS)
        .http2_max_header_list_size(ANSWER_HEADER_BYTES)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(ALIVE_INTERVAL)
        .http2_keep_alive_timeout(ALIVE_TIMEOUT)
        .tcp_nodelay(true)
        .build()
}
