//! The roles as processes: parse, connect, run, drain.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use broker::Broker;
use clap::Args;
use domain::shard::Shards;
use service::patience::Patience;
use service::telemetry::Telemetry;
use service::{Drained, Health, Latch, Lifecycle, ops, signals};
use store::directory::Snapshot;
use store::{
    AccessDirectory, EndpointDirectory, Live, SchemaDirectory, Store, StoreError,
    SubscriptionDirectory,
};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connections::{BrokerArgs, StoreArgs};

/// What every role is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Where `/livez`, `/readyz` and `/metrics` are served.
    #[arg(long, env = "POSTHASTE_OPS_LISTEN", default_value = "127.0.0.1:9464")]
    pub(crate) ops_listen: SocketAddr,
    /// How long what is in flight may take to finish after SIGTERM.
    #[arg(long, env = "POSTHASTE_GRACE", default_value = "45s", value_parser = humantime::parse_duration)]
    pub(crate) grace: Duration,
}

/// Accept events over HTTP and from the inbox queue.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Where events are accepted.
    #[arg(
        long,
        env = "POSTHASTE_INGEST_LISTEN",
        default_value = "127.0.0.1:8080"
    )]
    ingest_listen: SocketAddr,
    #[command(flatten)]
    config: ingest::Config,
    #[command(flatten)]
    common: Common,
}

/// Turn events into deliveries.
#[derive(Debug, Args)]
pub(crate) struct Fanout {
    #[command(flatten)]
    config: fanout::Config,
    #[command(flatten)]
    common: Common,
}

/// Send deliveries to their endpoints.
#[derive(Debug, Args)]
pub(crate) struct Dispatcher {
    #[command(flatten)]
    config: dispatcher::Config,
    #[command(flatten)]
    common: Common,
}

/// Write attempts and dead letters to the record.
#[derive(Debug, Args)]
pub(crate) struct Recorder {
    #[command(flatten)]
    config: recorder::Config,
    #[command(flatten)]
    common: Common,
}

/// Serve the management API.
#[derive(Debug, Args)]
pub(crate) struct Console {
    /// Where the management API is served.
    #[arg(
        long,
        env = "POSTHASTE_CONSOLE_LISTEN",
        default_value = "127.0.0.1:8081"
    )]
    console_listen: SocketAddr,
    #[command(flatten)]
    addresses: dispatcher::Addresses,
    #[command(flatten)]
    config: console::Config,
    #[command(flatten)]
    common: Common,
}

/// What a role is handed, apart from its own configuration.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) broker: Broker,
    pub(crate) store: Store,
    pub(crate) shards: Shards,
    pub(crate) life: Lifecycle,
    pub(crate) health: Health,
}

impl Surroundings {
    /// A snapshot of the directory that is kept fresh for as long as the process runs.
    fn live<T: Snapshot>(&self) -> Live<T> {
        let live = Live::new(&self.store);
        self.life.spawn(live.clone().run(self.life.stop().clone()));
        live
    }

    /// The keys and tenants, and who notes which keys are used.
    fn access(&self) -> Live<AccessDirectory> {
        let access: Live<AccessDirectory> = self.live();
        let stop = self.life.stop().clone();
        self.life.spawn(access.clone().note_uses(stop));
        access
    }

    pub(crate) async fn ingest(
        self,
        config: ingest::Config,
        listener: TcpListener,
    ) -> anyhow::Result<()> {
        let access = self.access();
        let schemas: Live<SchemaDirectory> = self.live();
        let parts = ingest::Parts {
            broker: self.broker,
            access,
            schemas,
            shards: self.shards,
            listener,
        };
        Box::pin(ingest::run(config, parts, self.life, self.health))
            .await
            .context("ingest can't run")
    }

    pub(crate) async fn fanout(self, config: fanout::Config) {
        let subscriptions: Live<SubscriptionDirectory> = self.live();
        let Self {
            broker,
            store,
            shards,
            life,
            health,
        } = self;
        let parts = fanout::Parts {
            broker,
            store,
            subscriptions,
            shards,
        };
        Box::pin(fanout::run(config, parts, life, health)).await;
    }

    pub(crate) async fn dispatcher(self, config: dispatcher::Config) -> anyhow::Result<()> {
        let endpoints: Live<EndpointDirectory> = self.live();
        let Self {
            broker,
            store,
            shards,
            life,
            health,
        } = self;
        let parts = dispatcher::Parts {
            broker,
            store,
            endpoints,
            shards,
        };
        Box::pin(dispatcher::run(config, parts, life, health))
            .await
            .context("the dispatcher can't run")
    }

    pub(crate) async fn recorder(self, config: recorder::Config) {
        let parts = recorder::Parts {
            broker: self.broker,
            store: self.store,
            shards: self.shards,
        };
        Box::pin(recorder::run(config, parts, self.life, self.health)).await;
    }

    pub(crate) async fn console(
        self,
        config: console::Config,
        addresses: &dispatcher::Addresses,
        listener: TcpListener,
    ) -> anyhow::Result<()> {
        let provider = console::Provider::new(&config.oidc)?;
        let access = self.access();
        let addresses = addresses.policy();
        let Self {
            broker,
            store,
            shards,
            life,
            health,
        } = self;
        let parts = console::Parts {
            broker,
            store,
            access,
            shards,
            listener,
            addresses,
            provider,
        };
        Box::pin(console::run(config, parts, life, health)).await;
        Ok(())
    }
}

impl Ingest {
    /// Runs the role.
    pub(crate) async fn run(self, telemetry: Telemetry) -> anyhow::Result<()> {
        let listener = listen(self.ingest_listen).await?;
        live("ingest", &self.common, telemetry, async |surroundings| {
            surroundings.ingest(self.config, listener).await
        })
        .await
    }
}

impl Fanout {
    /// Runs the role.
    pub(crate) async fn run(self, telemetry: Telemetry) -> anyhow::Result<()> {
        live("fanout", &self.common, telemetry, async |surroundings| {
            surroundings.fanout(self.config).await;
            Ok(())
        })
        .await
    }
}

impl Dispatcher {
    /// Runs the role.
    pub(crate) async fn run(self, telemetry: Telemetry) -> anyhow::Result<()> {
        live(
            "dispatcher",
            &self.common,
            telemetry,
            async |surroundings| surroundings.dispatcher(self.config).await,
        )
        .await
    }
}

impl Recorder {
    /// Runs the role.
    pub(crate) async fn run(self, telemetry: Telemetry) -> anyhow::Result<()> {
        live("recorder", &self.common, telemetry, async |surroundings| {
            surroundings.recorder(self.config).await;
            Ok(())
        })
        .await
    }
}

impl Console {
    /// Runs the role.
    pub(crate) async fn run(self, telemetry: Telemetry) -> anyhow::Result<()> {
        let listener = listen(self.console_listen).await?;
        live("console", &self.common, telemetry, async |surroundings| {
            surroundings
                .console(self.config, &self.addresses, listener)
                .await
        })
        .await
    }
}

/// Binds a port, and says where.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    let listener = bound.with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    Ok(listener)
}

/// A role's process: its port for operators, its connections, and after SIGTERM its drain.
async fn live<Role>(
    name: &'static str,
    common: &Common,
    telemetry: Telemetry,
    role: impl FnOnce(Surroundings) -> Role,
) -> anyhow::Result<()>
where
    Role: Future<Output = anyhow::Result<()>>,
{
    tracing::info!(
        role = name,
        version = env!("CARGO_PKG_VERSION"),
        ?common,
        "starting"
    );
    let (life, health) = (Lifecycle::new(), Health::new());
    let ops = listen(common.ops_listen).await?;
    let registry = telemetry.registry().clone();
    let serving = tokio::spawn(ops::serve(ops, health.clone(), registry, life.clone()));
    let opened = OnceLock::new();
    let run = async {
        let booting = health.latch("boot");
        let broker = common.broker.open(name, life.stop()).await?;
        let broker = opened.get_or_init(|| broker).clone();
        let store = common.store.open()?;
        usable(&store, &booting, life.stop()).await?;
        let surroundings = Surroundings {
            broker,
            store,
            shards: common.broker.shards.shards,
            life: life.clone(),
            health: health.clone(),
        };
        drop(booting);
        role(surroundings).await
    };
    let outcome = until_asked(run, &life, common.grace).await;
    life.drain(Duration::ZERO).await;
    if let Some(broker) = opened.get() {
        broker.farewell().await;
    }
    serving
        .await
        .context("the operators' port panicked")?
        .context("the operators' port broke")?;
    telemetry.flush();
    outcome
}

/// Refuses a record whose schema this program can't use; waits for one that doesn't answer.
async fn usable(store: &Store, booting: &Latch, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut patience = Patience::new(booting, stop);
    loop {
        match store.check_schema().await {
            Err(StoreError::Schema(mismatch)) => return Err(mismatch.into()),
            Err(error) if patience.wait(&error).await.is_ok() => {}
            // Told to stop, or it answers.
            Err(_) | Ok(()) => return Ok(()),
        }
    }
}

/// Runs until SIGTERM or SIGINT, then lets what is in flight finish, within the grace.
pub(crate) async fn until_asked(
    run: impl Future<Output = anyhow::Result<()>>,
    life: &Lifecycle,
    grace: Duration,
) -> anyhow::Result<()> {
    tokio::pin!(run);
    tokio::select! {
        ended = &mut run => return ended,
        asked = signals::end() => asked.context("cannot wait for signals")?,
    }
    match drain(run, life, grace).await {
        Some(ended) => ended,
        None => Ok(()),
    }
}

/// How long a role may take to end once what it has in flight is dropped.
const ABORTED: Duration = Duration::from_secs(5);

/// Tells a role to stop, and lets it finish what is in flight within the grace; gives what it ended
/// with. Only then what is left of it is dropped: what it had in hand comes back from the broker.
///
/// **Invariant:** nothing is dropped while the role still works, as long as the grace lasts. It has
/// more in hand than the tasks that `life` knows of.
pub(crate) async fn drain<T>(
    role: impl Future<Output = T>,
    life: &Lifecycle,
    grace: Duration,
) -> Option<T> {
    tokio::pin!(role);
    let deadline = Instant::now() + grace;
    life.stop().cancel();
    let ended = tokio::time::timeout_at(deadline, role.as_mut()).await;
    let left = deadline.saturating_duration_since(Instant::now());
    match (ended, life.drain(left).await) {
        (Ok(ended), Drained::Clean) => {
            tracing::info!("drained");
            Some(ended)
        }
        (Ok(ended), Drained::GraceOver { left }) => {
            tracing::warn!(left, "the grace is over; what was in flight comes back");
            Some(ended)
        }
        (Err(_), _) => {
            tracing::warn!("the grace is over; what was in flight comes back");
            tokio::time::timeout(ABORTED, role).await.ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(45);

    /// A role with deliveries in hand that no task of the process' life stands for.
    async fn works(life: Lifecycle, takes: Duration) -> &'static str {
        life.stop().cancelled().await;
        let work = tokio::time::sleep(takes);
        match life.abort().run_until_cancelled(work).await {
            Some(()) => "finished",
            None => "dropped",
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_role_has_in_hand_is_finished_within_the_grace() {
        let life = Lifecycle::new();
        let role = works(life.clone(), GRACE / 2);
        assert_eq!(drain(role, &life, GRACE).await, Some("finished"));
        assert!(life.abort().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_is_dropped() {
        let life = Lifecycle::new();
        let role = works(life.clone(), GRACE * 2);
        assert_eq!(drain(role, &life, GRACE).await, Some("dropped"));

        let life = Lifecycle::new();
        let stuck = std::future::pending::<()>();
        assert_eq!(drain(stuck, &life, GRACE).await, None);
    }
}
