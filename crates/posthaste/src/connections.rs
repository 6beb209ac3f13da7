//! Where the broker and the record are, and what opens the record's secrets.

use anyhow::Context;
use broker::Broker;
use broker::topology::Topology;
use clap::Args;
use domain::shard::Shards;
use secrecy::{ExposeSecret, SecretString};
use store::{Keyring, Store};
use tokio_util::sync::CancellationToken;

/// The broker.
#[derive(Debug, Clone, Args)]
pub(crate) struct BrokerArgs {
    /// RabbitMQ: `amqp://user:password@host:5672/vhost`.
    #[arg(long, env = "POSTHASTE_AMQP_URL", hide_env_values = true)]
    pub(crate) amqp_url: SecretString,
    #[command(flatten)]
    pub(crate) shards: ShardsArg,
}

impl BrokerArgs {
    /// The broker, with every exchange and queue declared as soon as it can be reached.
    pub(crate) async fn open(
        &self,
        role: &str,
        stop: &CancellationToken,
    ) -> anyhow::Result<Broker> {
        let name = format!("posthaste-{role}");
        let broker = Broker::new(&broker::Config::new(self.amqp_url.clone(), name))?;
        let topology = Topology::new(self.shards.shards);
        broker
            .declare_when_up(&topology, stop)
            .await
            .context("the queues were not declared")?;
        Ok(broker)
    }
}

/// How many queues a lane has.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ShardsArg {
    /// Queues per lane, 1 to 99; every role must be given the same number.
    #[arg(long, env = "POSTHASTE_SHARDS", default_value = "1", value_parser = shards)]
    pub(crate) shards: Shards,
}

fn shards(text: &str) -> Result<Shards, String> {
    let shards = text.parse().ok().and_then(Shards::new);
    shards.ok_or_else(|| "the number of shards is 1 to 99".to_owned())
}

/// The record.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// Postgres: `postgres://user:password@host:5432/database`.
    #[arg(long, env = "POSTHASTE_POSTGRES_URL", hide_env_values = true)]
    pub(crate) postgres_url: SecretString,
    /// The keys that seal endpoint secrets: `name:base64` of 32 bytes, the current one first,
    /// separated by commas.
    #[arg(long, env = "POSTHASTE_SECRET_KEYS", hide_env_values = true)]
    pub(crate) secret_keys: SecretString,
}

impl StoreArgs {
    /// The record. Nothing is connected yet.
    pub(crate) fn open(&self) -> anyhow::Result<Store> {
        let keyring: Keyring = self
            .secret_keys
            .expose_secret()
            .parse()
            .context("POSTHASTE_SECRET_KEYS can't be used")?;
        let config = store::Config::new(self.postgres_url.clone(), keyring);
        Store::connect(config).context("POSTHASTE_POSTGRES_URL can't be used")
    }
}
