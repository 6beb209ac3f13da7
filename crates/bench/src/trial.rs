//! What one measurement runs on.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use sandbox::{Options, Servers};
use testkit::cluster::Role;
use testkit::{Cluster, Stack};

use crate::disk::Flushes;
use crate::filled::Sizes;
use crate::platform::{Platform, http};
use crate::program;
use crate::receiver::{Arrival, Receiver};

/// Settings of the servers that are measured on, beside the sandbox's own.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// A line for postgresql.conf; may be given several times.
    #[arg(long = "postgres", value_name = "NAME=VALUE", global = true, value_parser = setting)]
    postgres: Vec<Setting>,
    /// A line for rabbitmq.conf; may be given several times.
    #[arg(long = "rabbitmq", value_name = "NAME=VALUE", global = true, value_parser = setting)]
    broker: Vec<Setting>,
}

type Setting = (&'static str, &'static str);

fn setting(text: &str) -> Result<Setting, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| "a setting is NAME=VALUE".to_owned())?;
    // As long as the process: there are a few.
    Ok((name.to_owned().leak(), value.to_owned().leak()))
}

/// Starts a Postgres and a RabbitMQ for a measurement, and tells what their disk is like.
pub(crate) async fn servers(settings: Settings) -> anyhow::Result<Servers> {
    let flushes = Flushes::measure(&std::env::temp_dir()).await;
    println!("{}", flushes.context("the disk can't be measured")?);
    let options = Options {
        postgres_settings: settings.postgres,
        broker_settings: settings.broker,
        ..Options::ephemeral()
    };
    Ok(Servers::start(options).await?)
}

/// A Posthaste with nothing in it, every role a process of its own, and a receiver.
pub(crate) struct Trial {
    pub(crate) platform: Platform,
    pub(crate) receiver: Receiver,
    // The processes end before the database and the virtual host that they are connected to go.
    pub(crate) cluster: Cluster,
    pub(crate) stack: Stack,
}

impl Trial {
    /// Starts all of it on these servers.
    pub(crate) async fn on(servers: &Servers) -> anyhow::Result<Self> {
        let stack = Stack::on(servers.access()).await;
        let cluster = Cluster::prepare(&program()?, &stack).await;
        Self::with(stack, cluster).await
    }

    /// The same, with a record of this size.
    pub(crate) async fn filled(servers: &Servers, sizes: Sizes) -> anyhow::Result<Self> {
        let stack = Stack::on(servers.access()).await;
        let cluster = Cluster::prepare(&program()?, &stack).await;
        sizes.fill(&stack).await?;
        Self::with(stack, cluster).await
    }

    async fn with(stack: Stack, mut cluster: Cluster) -> anyhow::Result<Self> {
        for role in Role::ALL {
            cluster.start_role(role).await;
        }
        let http = http()?;
        Ok(Self {
            receiver: Receiver::start(http.clone()).await?,
            platform: Platform::new(&cluster, http),
            cluster,
            stack,
        })
    }

    /// What arrives of a series while a tenant publishes so many events a second for so long, of
    /// the types in turn. What is late counts too.
    pub(crate) async fn series(
        &self,
        name: &str,
        tenant: &str,
        event_types: &[String],
        per_second: u32,
        lasting: Duration,
    ) -> anyhow::Result<Vec<Arrival>> {
        self.receiver.forget(name).await?;
        self.platform
            .steady(tenant, event_types, per_second, lasting)
            .await?;
        self.receiver.settled(name).await?;
        self.receiver.series(name).await
    }
}
