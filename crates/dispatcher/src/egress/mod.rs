//! The one way out: every delivery is sent here, to a target that was vetted right before.
//!
//! **Invariants:** a connection goes to an address that the [`AddressPolicy`] passed: names are
//! judged by every address they resolve to, literals by themselves. No redirect is followed, no
//! proxy asked, nothing decoded, no cookie kept, nothing sent twice. One deadline covers connect,
//! headers and body.

mod answer;
mod client;
mod failure;
mod resolver;
mod sessions;
mod stage;
mod target;
mod tls;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use domain::address::AddressPolicy;
use domain::outcome::{Failure, Observed};
use domain::report::Extent;
use domain::retry_after;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use rustls::pki_types::pem;
use tokio::time::Instant;
use url::Url;

use crate::config::Config;
use resolver::GuardedResolver;
use target::VettedTarget;

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
            // Endpoints that have none under way get a second half of places at their host.
            usize::try_from(config.host_in_flight)
                .unwrap_or(usize::MAX)
                .saturating_mul(2),
        )
    }

    /// The egress with these rules, further authorities from a PEM file, these name servers, and
    /// so many connections that are kept for one host while nothing is sent on them.
    ///
    /// # Errors
    /// See [`EgressError`].
    pub fn build(
        policy: AddressPolicy,
        ca_file: Option<&PathBuf>,
        names: &Names,
        idle_per_host: usize,
    ) -> Result<Self, EgressError> {
        let policy = Arc::new(policy);
        let resolver = GuardedResolver::new(names, Arc::clone(&policy))?;
        let client = client::build(resolver, tls::config(ca_file)?, idle_per_host)?;
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
            .post(target.into_url())
            .headers(headers)
            .body(body)
            .send();
        stage::watch(until, sending, failure::of).await
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
