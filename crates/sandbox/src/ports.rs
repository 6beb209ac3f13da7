//! Free ports on 127.0.0.1.
//!
//! They are picked at random below the range that the kernel hands out to outgoing connections:
//! nobody's client can take one between the moment we pick it and the moment the server binds it.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

/// Tries before we give up: with a tenth of the range taken, a hundred misses in a row don't occur.
const TRIES: usize = 100;
const LOWEST: u16 = 10_240;

/// The ports of one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) postgres: u16,
    pub(crate) amqp: u16,
    pub(crate) management: u16,
    /// Erlang's distribution, for rabbitmqctl.
    pub(crate) distribution: u16,
    /// Erlang's port mapper, one of our own.
    pub(crate) epmd: u16,
}

impl Ports {
    /// Five different free ports, or `None` when none could be found.
    pub(crate) fn pick() -> Option<Self> {
        let range = below_ephemeral();
        let mut picked = BTreeSet::new();
        for _ in 0..TRIES {
            let port = random_in(&range)?;
            if is_free(port) {
                picked.insert(port);
            }
            if let [postgres, amqp, management, distribution, epmd] =
                *picked.iter().copied().collect::<Vec<_>>().as_slice()
            {
                return Some(Self {
                    postgres,
                    amqp,
                    management,
                    distribution,
                    epmd,
                });
            }
        }
        None
    }

    /// Whether all of them can be bound now.
    pub(crate) fn are_free(self) -> bool {
        [
            self.postgres,
            self.amqp,
            self.management,
            self.distribution,
            self.epmd,
        ]
        .into_iter()
        .all(is_free)
    }
}

fn below_ephemeral() -> Range<u16> {
    let lowest_ephemeral = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_ascii_whitespace().next()?.parse().ok())
        .filter(|lowest| *lowest > LOWEST + 1_000);
    LOWEST..lowest_ephemeral.unwrap_or(32_768)
}

fn random_in(range: &Range<u16>) -> Option<u16> {
    let random = getrandom::u32().ok()?;
    let offset = random % u32::from(range.end - range.start);
    Some(range.start + u16::try_from(offset).ok()?)
}

/// Whether nobody listens on the port.
///
/// The probe is bound and never listens, so that probes don't see one another: a child that some
/// thread is just forking holds a copy of ours until it has executed its program.
fn is_free(port: u16) -> bool {
    let bind = || {
        let probe = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        probe.set_reuse_address(true)?;
        probe.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())
    };
    bind().is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn probes_do_not_see_one_another() {
        let ports = Ports::pick().unwrap();
        let probe = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        probe.set_reuse_address(true).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.amqp));
        probe.bind(&address.into()).unwrap();
        assert!(ports.are_free());
    }

    #[test]
    fn picked_ports_are_free_until_somebody_listens_on_one() {
        let ports = Ports::pick().unwrap();
        assert!(ports.are_free());
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.amqp)).unwrap();
        assert!(!ports.are_free());
    }
}
