//! What an operator can change about the console.

use std::net::IpAddr;
use std::num::NonZeroU16;

use ipnet::IpNet;

/// What an operator can change about the console.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// An address or network that deliveries come from, for receivers to allow; may be given
    /// several times.
    #[arg(
        long = "egress-ip",
        env = "POSTHASTE_EGRESS_IPS",
        value_name = "IP or CIDR",
        value_delimiter = ',',
        value_parser = network
    )]
    pub egress_ips: Vec<IpNet>,
    /// How many held deliveries are released a second, once their endpoints are enabled again.
    #[arg(
        long = "console-release-rate",
        env = "POSTHASTE_CONSOLE_RELEASE_RATE",
        default_value = "500"
    )]
    pub release_rate: NonZeroU16,
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse()
        .or_else(|_| address())
        .map_err(|_| "an address or a network, such as 192.0.2.7".to_owned())
}
