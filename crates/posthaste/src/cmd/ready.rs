//! `posthaste ready`: asks a role whether it works.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::out;

/// How long the answer may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// Ask a role whether it is ready: ends with 1, and says why, when it isn't. For health checks in
/// images that have no HTTP client.
#[derive(Debug, Args)]
pub(crate) struct Ready {
    /// Where the role serves `/readyz`.
    #[arg(long, env = "POSTHASTE_OPS_LISTEN", default_value = "127.0.0.1:9464")]
    ops_listen: SocketAddr,
}

/// Runs the command.
pub(crate) async fn run(ready: Ready) -> anyhow::Result<()> {
    let address = reachable(ready.ops_listen);
    #[expect(
        clippy::disallowed_methods,
        reason = "it asks a role of ours, at an address that its user names; deliveries go through dispatcher::egress"
    )]
    let http = reqwest::Client::builder()
        .timeout(DEADLINE)
        .no_proxy()
        .build()
        .context("cannot make an HTTP client")?;
    let asked = http.get(format!("http://{address}/readyz?verbose"));
    let answer = asked
        .send()
        .await
        .with_context(|| format!("no role answers at {address}"))?;
    let is_ready = answer.status().is_success();
    let text = answer.text().await.context("the answer broke off")?;
    if is_ready {
        out::line("ready");
        return Ok(());
    }
    bail!(why_not(&text))
}

/// The address to ask at: a role that listens on all of them is asked on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        named => named,
    };
    SocketAddr::new(ip, listen.port())
}

/// One sentence of what `/readyz?verbose` says: `not ready`, and a line for each part.
fn why_not(text: &str) -> String {
    let what = text.lines().next().unwrap_or("not ready");
    let parts: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("[-] "))
        .collect();
    if parts.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_listens_everywhere_is_asked_on_loopback() {
        let asked = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:9464"), "127.0.0.1:9464");
        assert_eq!(asked("[::]:9464"), "[::1]:9464");
        assert_eq!(asked("10.0.0.7:1"), "10.0.0.7:1");
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = "not ready\n[+] boot\n[-] posthaste.inbox\n[-] ingest\n";
        assert_eq!(why_not(text), "not ready: posthaste.inbox, ingest");
        assert_eq!(why_not("draining\n[+] ingest\n"), "draining");
    }
}
