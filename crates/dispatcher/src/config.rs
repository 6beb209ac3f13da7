//! The dispatcher's configuration.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use domain::address::{AddressPolicy, PlainHttp};
use domain::limits;
use ipnet::IpNet;

use crate::gate::breaker::Rules;

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

/// When endpoints are left alone because they fail.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Breaker {
    /// Whether an endpoint that fails too much is left alone for a time.
    #[arg(
        long = "dispatcher-breaker",
        env = "POSTHASTE_DISPATCHER_BREAKER",
        value_enum,
        default_value_t = Switch::On
    )]
    pub switch: Switch,

    /// The fewest attempts within a minute that can open an endpoint's circuit breaker.
    #[arg(
        long = "dispatcher-breaker-tries",
        env = "POSTHASTE_DISPATCHER_BREAKER_TRIES",
        default_value_t = limits::BREAKER_TRIES,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub tries: u32,

    /// The share of failures among them that opens it, in percent.
    #[arg(
        long = "dispatcher-breaker-failures-percent",
        env = "POSTHASTE_DISPATCHER_BREAKER_FAILURES_PERCENT",
        default_value_t = limits::BREAKER_FAILURES_PERCENT,
        value_parser = clap::value_parser!(u32).range(1..=100)
    )]
    pub failures_percent: u32,

    /// How long it is open the first time, such as `30s`; twice as long each time that the
    /// endpoint has not recovered.
    #[arg(
        long = "dispatcher-breaker-open",
        env = "POSTHASTE_DISPATCHER_BREAKER_OPEN",
        default_value = "30s",
        value_parser = open_time
    )]
    pub open: Duration,

    /// How long it is open at most, such as `10min`.
    #[arg(
        long = "dispatcher-breaker-open-most",
        env = "POSTHASTE_DISPATCHER_BREAKER_OPEN_MOST",
        default_value = "10min",
        value_parser = open_time
    )]
    pub open_most: Duration,
}

impl Breaker {
    /// The rules; none where breakers are switched off.
    pub(crate) fn rules(&self) -> Option<Rules> {
        match self.switch {
            Switch::Off => None,
            Switch::On => Some(Rules {
                tries: self.tries,
                failures_percent: self.failures_percent,
                open: self.open,
                open_most: self.open_most.max(self.open),
            }),
        }
    }
}

/// The bounds of the time that a breaker is open.
const OPEN_MIN: Duration = Duration::from_secs(1);
const OPEN_MAX: Duration = Duration::from_secs(10 * 60 * 60);

/// A time that no breaker may be open.
#[derive(Debug, thiserror::Error)]
enum OpenTimeError {
    #[error(transparent)]
    Duration(#[from] humantime::DurationError),
    #[error(
        "it must be from {} to {}",
        humantime::format_duration(OPEN_MIN),
        humantime::format_duration(OPEN_MAX)
    )]
    Bounds,
}

fn open_time(text: &str) -> Result<Duration, OpenTimeError> {
    let time = humantime::parse_duration(text)?;
    if (OPEN_MIN..=OPEN_MAX).contains(&time) {
        Ok(time)
    } else {
        Err(OpenTimeError::Bounds)
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

    /// Messages with up to 32 first attempts each that are taken from a queue ahead. Fewer than
    /// there are places for attempts, and endpoints that begin to hang hold all of them for a
    /// second.
    #[arg(
        long = "dispatcher-fresh-prefetch",
        env = "POSTHASTE_DISPATCHER_FRESH_PREFETCH",
        default_value_t = 512,
        value_parser = clap::value_parser!(u16).range(1..=2_000)
    )]
    pub fresh_prefetch: u16,

    /// Messages with one retry, or up to 32 replays, each that are taken from a queue ahead.
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
        default_value_t = 6,
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

    /// Attempts made at once to all endpoints of one host, those that take long included. Beyond
    /// it, up to twice as many, only to endpoints that have none under way.
    #[arg(
        long = "dispatcher-host-in-flight",
        env = "POSTHASTE_DISPATCHER_HOST_IN_FLIGHT",
        default_value_t = 512,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub host_in_flight: u32,

    /// Attempts made at once for one tenant, those that take long included. Beyond it, up to twice
    /// as many, only to endpoints that have none under way.
    #[arg(
        long = "dispatcher-tenant-in-flight",
        env = "POSTHASTE_DISPATCHER_TENANT_IN_FLIGHT",
        default_value_t = 1_024,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub tenant_in_flight: u32,

    /// When endpoints are left alone because they fail.
    #[command(flatten)]
    pub breaker: Breaker,

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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        config: Config,
    }

    fn rules(args: &[&str]) -> Result<Option<Rules>, clap::Error> {
        let parsed = Program::try_parse_from(["dispatcher"].iter().chain(args));
        parsed.map(|program| program.config.breaker.rules())
    }

    #[test]
    fn breakers_have_their_rules_unless_they_are_switched_off() {
        assert_eq!(rules(&[]).unwrap(), Some(Rules::default()));
        assert_eq!(rules(&["--dispatcher-breaker=off"]).unwrap(), None);
        let longer = rules(&["--dispatcher-breaker-open=20min"]).unwrap();
        let minutes = |rules: Rules| rules.open_most.as_secs() / 60;
        assert_eq!(longer.map(minutes), Some(20), "never below the first time");
        assert!(rules(&["--dispatcher-breaker-open=0s"]).is_err());
        assert!(rules(&["--dispatcher-breaker-open=11h"]).is_err());
        assert!(rules(&["--dispatcher-breaker-failures-percent=101"]).is_err());
    }
}
