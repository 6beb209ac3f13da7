//! `posthaste doctor`: what is wrong with the installation, each with its cure.
//!
//! It looks and changes nothing. What the roles would stumble over, and what they wouldn't notice
//! until it is too late, is one line each.

mod broker;
mod egress;
mod finding;
mod management;
mod record;

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use secrecy::SecretString;

use crate::connections::{BrokerArgs, StoreArgs};
use crate::out;
use finding::Finding;

/// How far clocks may be apart.
const SKEW: Duration = Duration::from_secs(5);

/// Check the broker, the record and the configuration, and say how to mend what is wrong.
///
/// It changes nothing. The exit code is 0 when all is well.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    addresses: dispatcher::Addresses,
    /// RabbitMQ's management API, `http://user:password@host:15672`; without it, that port of the
    /// broker's host, with the broker's user. Its user needs the tag `monitoring`.
    #[arg(long, env = "POSTHASTE_MANAGEMENT_URL", hide_env_values = true)]
    management_url: Option<SecretString>,
}

/// Runs the command.
pub(crate) async fn run(doctor: Doctor) -> anyhow::Result<()> {
    let policy = doctor.addresses.policy();
    let (broker, record, egress) = tokio::join!(
        broker::examine(&doctor.broker, doctor.management_url.as_ref()),
        record::examine(&doctor.store),
        egress::examine(&policy, &doctor.broker, &doctor.store),
    );
    let findings: Vec<Finding> = [broker, record, egress].into_iter().flatten().collect();
    for finding in &findings {
        out::line(finding);
    }
    let wrong = findings.iter().filter(|one| one.is_wrong()).count();
    if wrong > 0 {
        bail!(
            "{wrong} of {} checks found something to mend",
            findings.len()
        );
    }
    Ok(())
}
