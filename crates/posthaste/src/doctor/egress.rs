//! The egress guard: what endpoints may reach beside the public Internet.

use std::net::{IpAddr, Ipv4Addr};

use domain::address::{AddressPolicy, PlainHttp, Verdict};
use secrecy::ExposeSecret;
use tokio::net::lookup_host;
use url::Url;

use super::finding::Finding;
use crate::connections::{BrokerArgs, StoreArgs};

/// Where clouds hand out a machine's credentials.
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// Looks at the guard.
pub(super) async fn examine(
    policy: &AddressPolicy,
    broker: &BrokerArgs,
    store: &StoreArgs,
) -> Vec<Finding> {
    let mut wrong = Vec::new();
    if policy.judge(METADATA) == Verdict::Public {
        wrong.push(Finding::wrong(
            "egress",
            "endpoints may be at the cloud's metadata service",
            "take 169.254.169.254 out of POSTHASTE_ALLOW_NETWORK",
        ));
    }
    for (name, url) in [
        ("the broker", broker.amqp_url.expose_secret()),
        ("Postgres", store.postgres_url.expose_secret()),
    ] {
        if is_within_reach(policy, url).await {
            wrong.push(Finding::wrong(
                "egress",
                format!("endpoints may be in the network of {name}"),
                "name smaller networks in POSTHASTE_ALLOW_NETWORK",
            ));
        }
    }
    let networks = policy.allowed.len();
    let how = format!("the public Internet and {networks} networks that are allowed");
    let mut findings = Finding::or_well(wrong, "egress", how);
    if policy.http == PlainHttp::Allowed {
        findings.push(Finding::wrong(
            "egress over http",
            "payloads may go out unencrypted",
            "take POSTHASTE_ALLOW_HTTP back unless this is a test",
        ));
    }
    findings
}

/// Whether an endpoint may be where this server is. A name that doesn't resolve is the business of
/// the check that connects.
async fn is_within_reach(policy: &AddressPolicy, url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let Some(host) = url.host_str() else {
        return false;
    };
    let host = host.trim_matches(['[', ']']);
    match lookup_host((host, 0)).await {
        Ok(addresses) => addresses
            .into_iter()
            .any(|address| is_allowed(policy, address.ip())),
        Err(_) => false,
    }
}

/// Whether it is the operator's word that lets an address pass: a public one passes anyway.
fn is_allowed(policy: &AddressPolicy, address: IpAddr) -> bool {
    policy.judge(address) == Verdict::Public && domain::address::judge(address) != Verdict::Public
}
