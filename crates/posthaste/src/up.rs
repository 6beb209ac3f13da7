//! `posthaste up`: every role in one process, with private servers unless told where to find some.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use broker::Broker;
use clap::Args;
use sandbox::Place;
use secrecy::{ExposeSecret, SecretString};
use service::telemetry::Telemetry;
use service::{Health, Lifecycle, Readiness, ops};

use crate::connections::{BrokerArgs, ShardsArg, StoreArgs};
use crate::ground::Ground;
use crate::out;
use crate::roles::{Surroundings, drain, listen, until_asked};

/// Run all roles in one process, with a private Postgres and RabbitMQ unless told where to find
/// them.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// RabbitMQ; a private one is started without it.
    #[arg(
        long,
        env = "POSTHASTE_AMQP_URL",
        hide_env_values = true,
        requires = "postgres_url"
    )]
    amqp_url: Option<SecretString>,
    /// Postgres; a private one is started without it.
    #[arg(long, env = "POSTHASTE_POSTGRES_URL", hide_env_values = true, requires_all = ["amqp_url", "secret_keys"])]
    postgres_url: Option<SecretString>,
    /// The keys that seal endpoint secrets: `name:base64` of 32 bytes, the current one first. With
    /// private servers they are made once and kept beside the data.
    #[arg(long, env = "POSTHASTE_SECRET_KEYS", hide_env_values = true)]
    secret_keys: Option<SecretString>,
    /// Where the private servers keep their data; `/var/lib/posthaste` for root, else
    /// `~/.local/state/posthaste`.
    #[arg(long, env = "POSTHASTE_DATA_DIR", conflicts_with = "amqp_url")]
    data_dir: Option<PathBuf>,
    /// Where events are accepted.
    #[arg(
        long,
        env = "POSTHASTE_INGEST_LISTEN",
        default_value = "127.0.0.1:8080"
    )]
    ingest_listen: SocketAddr,
    /// Where the management API is served.
    #[arg(
        long,
        env = "POSTHASTE_CONSOLE_LISTEN",
        default_value = "127.0.0.1:8081"
    )]
    console_listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are served.
    #[arg(long, env = "POSTHASTE_OPS_LISTEN", default_value = "127.0.0.1:9464")]
    ops_listen: SocketAddr,
    /// How long what is in flight may take to finish after SIGTERM.
    #[arg(long, env = "POSTHASTE_GRACE", default_value = "45s", value_parser = humantime::parse_duration)]
    grace: Duration,
    #[command(flatten)]
    shards: ShardsArg,
    #[command(flatten)]
    roles: RoleArgs,
}

/// What the roles can be told.
#[derive(Debug, Clone, Args)]
pub(crate) struct RoleArgs {
    #[command(flatten)]
    pub(crate) ingest: ingest::Config,
    #[command(flatten)]
    pub(crate) fanout: fanout::Config,
    #[command(flatten)]
    pub(crate) dispatcher: dispatcher::Config,
    #[command(flatten)]
    pub(crate) recorder: recorder::Config,
    #[command(flatten)]
    pub(crate) console: console::Config,
}

/// Every role, running.
pub(crate) struct Running {
    /// Where events are accepted.
    pub(crate) ingest_url: String,
    /// Where the management API is served.
    pub(crate) console_url: String,
    /// A key with every scope; none where the servers are somebody else's.
    key: Option<SecretString>,
    ground: Ground,
    broker: Broker,
    life: Lifecycle,
    health: Health,
    roles: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Migrates the record, makes a key, and starts every role.
    pub(crate) async fn start(
        ground: Ground,
        roles: RoleArgs,
        ingest_listen: SocketAddr,
        console_listen: SocketAddr,
    ) -> anyhow::Result<Self> {
        store::migrate(&ground.store.postgres_url)
            .await
            .context("the database was not migrated")?;
        let (life, health) = (Lifecycle::new(), Health::new());
        let surroundings = Surroundings {
            broker: ground.broker.open("up", life.stop()).await?,
            store: ground.store.open()?,
            shards: ground.broker.shards.shards,
            life: life.clone(),
            health: health.clone(),
        };
        let key = ground.first_key(&surroundings.store).await?;
        let (at_ingest, at_console) = (listen(ingest_listen).await?, listen(console_listen).await?);
        let url = |address: SocketAddr| format!("http://{address}");
        Ok(Self {
            ingest_url: url(at_ingest.local_addr()?),
            console_url: url(at_console.local_addr()?),
            key,
            ground,
            broker: surroundings.broker.clone(),
            life,
            health,
            roles: tokio::spawn(async move {
                let at = surroundings;
                let addresses = roles.dispatcher.addresses.clone();
                // A role that can't run ends all of them.
                tokio::try_join!(
                    at.clone().ingest(roles.ingest, at_ingest),
                    async {
                        at.clone().fanout(roles.fanout).await;
                        anyhow::Ok(())
                    },
                    at.clone().dispatcher(roles.dispatcher),
                    async {
                        at.clone().recorder(roles.recorder).await;
                        anyhow::Ok(())
                    },
                    at.clone().console(roles.console, &addresses, at_console),
                )?;
                Ok(())
            }),
        })
    }

    /// A key with every scope.
    ///
    /// # Errors
    /// Where the servers are somebody else's there is none.
    pub(crate) fn key(&self) -> anyhow::Result<&SecretString> {
        self.key
            .as_ref()
            .context("make a key with posthaste keys create")
    }

    /// Waits until every role works.
    ///
    /// # Errors
    /// When one still doesn't after a minute, with its name.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        const LIMIT: Duration = Duration::from_secs(60);
        if tokio::time::timeout(LIMIT, self.health.ready())
            .await
            .is_ok()
        {
            return Ok(());
        }
        let parts = self.health.parts().into_iter();
        let waiting = parts.filter(|(_, readiness)| *readiness == Readiness::NotReady);
        let names: Vec<String> = waiting.map(|(name, _)| name).collect();
        anyhow::bail!("not ready after a minute: {}", names.join(", "))
    }

    /// Cancelled when it stops.
    pub(crate) fn stopping(&self) -> tokio_util::sync::CancellationToken {
        self.life.stop().clone()
    }

    /// Runs until asked to end, then drains.
    async fn serve(self, grace: Duration) -> anyhow::Result<()> {
        let Self {
            roles,
            life,
            ground,
            broker,
            ..
        } = self;
        let roles = async { roles.await.context("a role panicked")? };
        let ended = until_asked(roles, &life, grace).await;
        broker.farewell().await;
        ground.stop().await?;
        ended
    }

    /// Drains and stops.
    pub(crate) async fn stop(self, grace: Duration) -> anyhow::Result<()> {
        if let Some(roles) = drain(self.roles, &self.life, grace).await {
            roles.context("a role panicked")??;
        }
        self.broker.farewell().await;
        self.ground.stop().await
    }
}

/// Runs the command.
pub(crate) async fn run(up: Up, telemetry: Telemetry) -> anyhow::Result<()> {
    let ground = match (up.amqp_url, up.postgres_url, up.secret_keys) {
        (Some(amqp_url), Some(postgres_url), Some(secret_keys)) => {
            let shards = up.shards;
            let broker = BrokerArgs { amqp_url, shards };
            Ground::given(
                broker,
                StoreArgs {
                    postgres_url,
                    secret_keys,
                },
            )
        }
        _ => {
            let usual = up.data_dir.or_else(Place::usual);
            let place = Place::Kept(usual.context("there is no home directory: name --data-dir")?);
            Ground::private(place, up.shards, Arc::new(|step| tracing::info!("{step}"))).await?
        }
    };
    let at_ops = listen(up.ops_listen).await?;
    let running = Running::start(ground, up.roles, up.ingest_listen, up.console_listen).await?;
    let (health, life) = (running.health.clone(), running.life.clone());
    let serving = tokio::spawn(ops::serve(
        at_ops,
        health,
        telemetry.registry().clone(),
        life,
    ));
    running.ready().await?;
    introduce(&running);
    let ended = running.serve(up.grace).await;
    serving.await.context("the operators' port panicked")??;
    telemetry.flush();
    ended
}

fn introduce(running: &Running) {
    out::line("posthaste is up. In another terminal:\n");
    match &running.key {
        Some(key) => {
            out::line(format_args!(
                "  export POSTHASTE_KEY={}",
                key.expose_secret()
            ));
        }
        None => out::line(
            "  export POSTHASTE_KEY=$(posthaste keys create me --scope publish --scope read --scope manage)",
        ),
    }
    out::line(format_args!(
        "  export POSTHASTE_INGEST_URL={}",
        running.ingest_url
    ));
    out::line(format_args!(
        "  export POSTHASTE_CONSOLE_URL={}",
        running.console_url
    ));
    out::line(format_args!(
        "\nThe dashboard: {0}/login. The management API: {0}/openapi.json. Ctrl-C ends it.",
        running.console_url
    ));
}
