//! Names to addresses, every one of them judged.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::address::{AddressPolicy, Verdict};
use domain::outcome::Failure;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
    ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Names, stage};

/// How long one question to a name server may take, and how often it is asked.
const QUESTION: Duration = Duration::from_secs(2);
const QUESTIONS: usize = 2;

/// How long a look-up may take in all.
const LOOKUP: Duration = Duration::from_secs(8);

/// The most addresses of a name that are tried.
const ADDRESSES: usize = 16;

/// An answer is believed for at most this long, so that an endpoint can move.
const BELIEVED: Duration = Duration::from_secs(60);

/// The machine's name servers can't be found.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ResolverError(#[from] NetError);

/// Why a name has no address to send to.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupError {
    /// One of its addresses is forbidden. Then none is used: who controls the name chooses which
    /// one is tried.
    #[error("the name has an address that is not public")]
    Forbidden,
    /// There is no such name, or it has no address.
    #[error("the name does not exist")]
    NotFound,
    /// No name server answered in time.
    #[error("no name server answered in time")]
    Timeout,
    /// The name servers failed.
    #[error("the name servers failed")]
    Failed(#[source] NetError),
}

impl LookupError {
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Forbidden => Failure::AddressForbidden,
            Self::NotFound => Failure::DnsNotFound,
            Self::Timeout => Failure::DnsTimeout,
            Self::Failed(_) => Failure::DnsFailed,
        }
    }
}

impl From<NetError> for LookupError {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(_)) => Self::NotFound,
            NetError::Timeout => Self::Timeout,
            other => Self::Failed(other),
        }
    }
}

/// Resolves names for the HTTP client, and lets no forbidden address through.
#[derive(Clone)]
pub(super) struct GuardedResolver {
    resolver: TokioResolver,
    policy: Arc<AddressPolicy>,
}

impl GuardedResolver {
    pub(super) fn new(names: &Names, policy: Arc<AddressPolicy>) -> Result<Self, ResolverError> {
        let mut builder = match names {
            Names::System => TokioResolver::builder_tokio()?,
            Names::Servers(servers) => {
                let servers = servers.iter().map(name_server).collect();
                let config = ResolverConfig::from_name_servers(servers);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        bound(builder.options_mut(), names);
        Ok(Self {
            resolver: builder.build()?,
            policy,
        })
    }

    async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        // Absolute, so that the machine's search domains are not tried.
        let absolute = format!("{}.", name.trim_end_matches('.'));
        let found = tokio::time::timeout(LOOKUP, self.resolver.lookup_ip(absolute)).await;
        let found = found.map_err(|_| LookupError::Timeout)??;
        let addresses: Vec<IpAddr> = found.iter().collect();
        if addresses
            .iter()
            .any(|address| self.policy.judge(*address) != Verdict::Public)
        {
            return Err(LookupError::Forbidden);
        }
        match addresses.len() {
            0 => Err(LookupError::NotFound),
            _ => Ok(addresses.into_iter().take(ADDRESSES).collect()),
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let addresses = stage::resolving(this.lookup(name.as_str())).await?;
            // The client puts the URL's port in the place of 0.
            let addresses = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

fn bound(options: &mut ResolverOpts, names: &Names) {
    options.timeout = QUESTION;
    options.attempts = QUESTIONS;
    // Both families, so that a forbidden address can't hide in the one that was not asked for.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.positive_max_ttl = Some(BELIEVED);
    options.negative_max_ttl = Some(BELIEVED);
    options.use_hosts_file = match names {
        Names::System => ResolveHosts::Auto,
        Names::Servers(_) => ResolveHosts::Never,
    };
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut udp = ConnectionConfig::udp();
    let mut tcp = ConnectionConfig::tcp();
    udp.port = address.port();
    tcp.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}
