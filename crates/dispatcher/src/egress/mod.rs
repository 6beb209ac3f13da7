//! The one way out: every delivery is sent here, to a target that was vetted right before.
//!
//! **Invariants:** a connection goes to an address that the [`AddressPolicy`] passed: names are
//! judged by every address they resolve to, literals by themselves. No redirect is followed, no
//! proxy asked, nothing decoded, no cookie kept, nothing sent twice. One deadline covers connect,
//! headers and body.

mod answer;
mod failure;
mod resolver;
mod stage;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use domain::address::AddressPolicy;
use domain::endpoint_url::{self, EndpointUrlError};
use domain::outcome::{Failure, Observed};
use domain::report::Extent;
use domain::retry_after;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use reqwest::redirect;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;
use tower::util::MapFutureLayer;
use url::Url;

use crate::config::Config;
use resolver::GuardedResolver;

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

/// Idle connections kept for one host.
const IDLE_PER_HOST: usize = 64;

/// The most headers of an answer, and the most bytes of them over HTTP/2.
const ANSWER_HEADERS: usize = 100;
const ANSWER_HEADER_BYTES: u32 = 64 * 1024;

/// The most bytes of bodies that a receiver may send over HTTP/2 before we read them: on one
/// request, and on one connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Why the egress can't be built.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The file with further authorities can't be read.
    #[error("cannot read certificates from {path}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// A certificate in it is no authority.
    #[error("{path} holds a certificate that can't be an authority")]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// There is none in it.
    #[error("{path} holds no certificate")]
    NoAuthority {
        /// The file.
        path: PathBuf,
    },
    /// TLS can't be set up.
    #[error("TLS can't be set up")]
    Tls(#[from] rustls::Error),
    /// The machine's name servers can't be found.
    #[error("the machine's name servers can't be found")]
    Resolver(#[from] resolver::ResolverError),
    /// The client can't be built.
    #[error("the HTTP client can't be built")]
    Client(#[from] reqwest::Error),
}

/// Which name servers are asked.
#[derive(Debug, Clone)]
pub enum Names {
    /// Those of the machine, and its hosts file.
    System,
    /// These, over UDP and TCP.
    Servers(Vec<SocketAddr>),
}

/// What is sent: all headers but those of the connection, and the body.
pub struct WebhookRequest {
    /// The headers. They hold signatures and may hold an endpoint's own secrets.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl fmt::Debug for WebhookRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookRequest")
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// The status, or why there was none.
    pub observed: Observed,
    /// The beginning of the answer's body, at most [`domain::limits::ANSWER_BYTES`], as it came.
    pub answer: Bytes,
    /// Whether there was, or would have been, more of it.
    pub extent: Extent,
    /// From the call to the end of what was read.
    pub duration: Duration,
}

/// A URL that was judged for the send that follows. There is no other way to make one.
struct VettedTarget(Url);

impl VettedTarget {
    fn vet(url: &Url, policy: &AddressPolicy) -> Result<Self, Failure> {
        match endpoint_url::target(url, policy) {
            Ok(_) => Ok(Self(url.clone())),
            Err(EndpointUrlError::Address(_) | EndpointUrlError::LocalName) => {
                Err(Failure::AddressForbidden)
            }
            Err(_) => Err(Failure::UrlForbidden),
        }
    }
}

/// Sends deliveries. Cheap to clone; connections are kept and shared.
#[derive(Debug, Clone)]
pub struct Egress {
    client: reqwest::Client,
    policy: Arc<AddressPolicy>,
}

impl Egress {
    /// The egress as configured, asking the machine's name servers.
    ///
    /// # Errors
    /// When the authorities can't be read or the machine has no name servers to ask.
    pub fn new(config: &Config) -> Result<Self, EgressError> {
        Self::build(
            config.addresses.policy(),
            config.ca_file.as_ref(),
            &Names::System,
        )
    }

    /// The egress with these rules, further authorities from a PEM file, and these name servers.
    ///
    /// # Errors
    /// See [`EgressError`].
    pub fn build(
        policy: AddressPolicy,
        ca_file: Option<&PathBuf>,
        names: &Names,
    ) -> Result<Self, EgressError> {
        let policy = Arc::new(policy);
        let resolver = GuardedResolver::new(names, Arc::clone(&policy))?;
        #[expect(clippy::disallowed_methods, reason = "the one place where it is made")]
        let builder = reqwest::Client::builder();
        let client = builder
            .tls_backend_preconfigured(tls(ca_file)?)
            .dns_resolver(resolver)
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .connector_layer(MapFutureLayer::new(stage::connecting))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_headers(ANSWER_HEADERS)
            .http2_max_header_list_size(ANSWER_HEADER_BYTES)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(ALIVE_INTERVAL)
            .http2_keep_alive_timeout(ALIVE_TIMEOUT)
            .tcp_nodelay(true)
            .build()?;
        Ok(Self { client, policy })
    }

    /// Posts a delivery and reads what of the answer is kept.
    ///
    /// The status line decides: what happens to the body after it changes nothing but what is
    /// kept of it. Never longer than `deadline`. Cancel safe: the connection is dropped.
    pub async fn post(&self, url: &Url, request: WebhookRequest, deadline: Duration) -> Attempted {
        let began = Instant::now();
        let until = began + deadline;
        let sent = match VettedTarget::vet(url, &self.policy) {
            Ok(target) => self.send(target, request, until).await,
            Err(failure) => Err(failure),
        };
        let (observed, (answer, extent)) = match sent {
            Ok(response) => {
                let observed = observed(&response);
                (observed, answer::read(response, until).await)
            }
            Err(failure) => (Observed::Failed(failure), (Bytes::new(), Extent::Whole)),
        };
        Attempted {
            observed,
            answer,
            extent,
            duration: began.elapsed(),
        }
    }

    async fn send(
        &self,
        target: VettedTarget,
        request: WebhookRequest,
        until: Instant,
    ) -> Result<reqwest::Response, Failure> {
        let WebhookRequest { headers, body } = request;
        let sending = self
            .client
            .post(target.0)
            .headers(headers)
            .body(body)
            .send();
        let sent = stage::watch(until, sending).await?;
        sent.map_err(|error| failure::of(&error))
    }
}

fn observed(response: &reqwest::Response) -> Observed {
    let asked = response.headers().get(RETRY_AFTER);
    Observed::Answered {
        status: response.status().as_u16(),
        retry_after: asked
            .and_then(|value| retry_after::parse(value.as_bytes(), SystemTime::now())),
    }
}

/// TLS 1.2 and 1.3 with the public authorities, the same on every machine, and the operator's own.
fn tls(ca_file: Option<&PathBuf>) -> Result<ClientConfig, EgressError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca_file {
        let unreadable = |source| EgressError::Authorities {
            path: path.clone(),
            source,
        };
        let public = roots.len();
        for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
            roots
                .add(certificate.map_err(unreadable)?)
                .map_err(|source| EgressError::Authority {
                    path: path.clone(),
                    source,
                })?;
        }
        if roots.len() == public {
            return Err(EgressError::NoAuthority { path: path.clone() });
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
