//! The dispatcher's configuration.

use std::path::PathBuf;

use clap::ValueEnum;
use domain::address::{AddressPolicy, PlainHttp};
use ipnet::IpNet;

/// Where deliveries may go, beside the public Internet over https.
#[derive(Debug, Clone, clap::Args)]
pub struct Addresses {
    /// A network inside which endpoints may be, though it isn't public, such as 10.20.0.0/16.
    /// May be given several times.
    #[arg(
        long = "allow-network",
        env = "POSTHASTE_ALLOW_NETWORK",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    pub allow_network: Vec<IpNet>,

    /// Whether endpoints may have http URLs, beside https.
    #[arg(
        long = "allow-http",
        env = "POSTHASTE_ALLOW_HTTP",
        value_enum,
        default_value_t = Switch::Off,
        default_missing_value = "on",
        num_args = 0..=1,
        require_equals = true
    )]
    pub allow_http: Switch,
}

impl Addresses {
    /// The rule by which addresses and URLs are judged.
    #[must_use]
    pub fn policy(&self) -> AddressPolicy {
        let http = match self.allow_http {
            Switch::On => PlainHttp::Allowed,
            Switch::Off => PlainHttp::Forbidden,
        };
        AddressPolicy {
            allowed: self.allow_network.clone(),
            http,
        }
    }
}

/// How deliveries are made.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Where deliveries may go.
    #[command(flatten)]
    pub addresses: Addresses,

    /// A PEM file with authorities that endpoints' certificates may be from, beside the public ones.
    #[arg(
        long = "dispatcher-ca-file",
        env = "POSTHASTE_DISPATCHER_CA_FILE",
        value_name = "FILE"
    )]
    pub ca_file: Option<PathBuf>,

    /// Messages with up to 32 first attempts each that are taken from a queue ahead.
    #[arg(
        long = "dispatcher-fresh-prefetch",
        env = "POSTHASTE_DISPATCHER_FRESH_PREFETCH",
        default_value_t = 64,
        value_parser = clap::value_parser!(u16).range(1..=2_000)
    )]
    pub fresh_prefetch: u16,

    /// Messages with one retry each that are taken from a queue ahead.
    #[arg(
        long = "dispatcher-retry-prefetch",
        env = "POSTHASTE_DISPATCHER_RETRY_PREFETCH",
        default_value_t = 256,
        value_parser = clap::value_parser!(u16).range(1..=2_000)
    )]
    pub retry_prefetch: u16,

    /// Messages of the bulk lane that are taken from a queue ahead.
    #[arg(
        long = "dispatcher-bulk-prefetch",
        env = "POSTHASTE_DISPATCHER_BULK_PREFETCH",
        default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=2_000)
    )]
    pub bulk_prefetch: u16,

    /// How much of the workers' time goes into bulk deliveries while others are made, in
    /// hundredths.
    #[arg(
        long = "dispatcher-bulk-share",
        env = "POSTHASTE_DISPATCHER_BULK_SHARE",
        default_value_t = 8,
        value_parser = clap::value_parser!(u8).range(1..=100)
    )]
    pub bulk_share: u8,

    /// Attempts made at once, over all endpoints.
    #[arg(
        long = "dispatcher-in-flight",
        env = "POSTHASTE_DISPATCHER_IN_FLIGHT",
        default_value_t = 512,
        value_parser = clap::value_parser!(u32).range(4..=100_000)
    )]
    pub in_flight: u32,

    /// Attempts made at once to one endpoint that keeps up; fewer to one that doesn't.
    #[arg(
        long = "dispatcher-endpoint-in-flight",
        env = "POSTHASTE_DISPATCHER_ENDPOINT_IN_FLIGHT",
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    pub endpoint_in_flight: u32,

    /// Memory for payloads over 32 KiB, which are read from the record, in MiB.
    #[arg(
        long = "dispatcher-payload-cache-mib",
        env = "POSTHASTE_DISPATCHER_PAYLOAD_CACHE_MIB",
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(0..=65_536)
    )]
    pub payload_cache_mib: u32,

    /// The user-agent header of deliveries.
    #[arg(
        long = "dispatcher-user-agent",
        env = "POSTHASTE_DISPATCHER_USER_AGENT",
        default_value = concat!("Posthaste/", env!("CARGO_PKG_VERSION"))
    )]
    pub user_agent: http::HeaderValue,

    /// Whether receivers get a traceparent header.
    #[arg(
        long = "dispatcher-traceparent",
        env = "POSTHASTE_DISPATCHER_TRACEPARENT",
        value_enum,
        default_value_t = Switch::On
    )]
    pub traceparent: Switch,
}

/// Whether something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}
