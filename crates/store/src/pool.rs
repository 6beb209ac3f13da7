//! The connections, and the bounds on waiting for them.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{
    Client, ClientWrapper, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use tokio_postgres::NoTls;

use crate::config::Config;
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::metrics::Metrics;
use crate::sql;

/// A connection that was taken from the pool this recently is taken again as it is. Any other is
/// asked first, by one empty round trip: one that died in silence, or that a call was given up on
/// ([`Config::call_timeout`] is longer), is found before work is put on it. Short, since a call may
/// fail for a connection that ended within this time.
const TRUSTED: Duration = Duration::from_millis(250);

/// How long a transaction may stand open without a statement, while its owner publishes.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(60);

/// The record. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Pool,
    /// For connections outside of the pool.
    server: tokio_postgres::Config,
    keyring: Keyring,
    call_timeout: Duration,
    metrics: Metrics,
}

impl Store {
    /// Prepares connections to the database; none is made yet, so it may be down.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when the URL is not one of a database.
    pub fn connect(config: Config) -> Result<Self, StoreError> {
        let server = server(&config)?;
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let verify = Hook::async_fn(move |client: &mut ClientWrapper, metrics| {
            Box::pin(async move {
                if metrics.last_used() < TRUSTED {
                    return Ok(());
                }
                let answered = timeout(config.connect_timeout, client.simple_query(""));
                match answered.await {
                    Ok(answered) => answered.map(drop).map_err(HookError::Backend),
                    Err(_) => Err(HookError::message("the connection is stuck")),
                }
            })
        });
        let pool = Pool::builder(Manager::from_config(server.clone(), NoTls, manager))
            .max_size(config.pool_size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(config.pool_wait))
            .create_timeout(Some(config.connect_timeout))
            .pre_recycle(verify)
            .build()
            .map_err(|error| StoreError::Broken(Box::new(error)))?;
        Ok(Self {
            shared: Arc::new(Shared {
                pool,
                server,
                keyring: config.keyring,
                call_timeout: config.call_timeout,
                metrics: Metrics::new(),
            }),
        })
    }

    /// Asks the database whether it answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it doesn't, within the call's bound.
    pub async fn ready(&self) -> Result<(), StoreError> {
        const READY: &str = "-- ready
            select 1";
        self.bounded(async {
            let client = self.client().await?;
            sql::execute(&client, READY, &[]).await?;
            Ok(())
        })
        .await
    }

    /// A connection from the pool.
    pub(crate) async fn client(&self) -> Result<Client, StoreError> {
        let began = Instant::now();
        let got = self.shared.pool.get().await;
        self.shared.metrics.waited(began.elapsed(), &got);
        Ok(got?)
    }

    /// How to make a connection outside of the pool.
    pub(crate) fn server(&self) -> &tokio_postgres::Config {
        &self.shared.server
    }

    /// The keys that secrets are encrypted with.
    pub(crate) fn keyring(&self) -> &Keyring {
        &self.shared.keyring
    }

    /// Does `work` within the bound on a call; what is not done then is rolled back.
    pub(crate) async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.shared.call_timeout, work)
            .await
            .map_err(StoreError::elapsed)?
    }
}

// The server's configuration holds a password.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// The URL with the bounds that the server keeps for us.
fn server(config: &Config) -> Result<tokio_postgres::Config, StoreError> {
    let mut server = parse(&config.url)?;
    let statement_ms = config.statement_timeout.as_millis();
    let idle_ms = IDLE_IN_TRANSACTION.as_millis();
    // A plan for any values, made once a connection: to plan a look at thirty partitions takes
    // longer than the look, and what tests see of a plan holds for every tenant.
    let plans = "-c plan_cache_mode=force_generic_plan";
    // Those of the URL come last and win.
    let own = server.get_options().unwrap_or_default().to_owned();
    server
        .application_name("posthaste")
        .connect_timeout(config.connect_timeout)
        .tcp_user_timeout(config.call_timeout)
        .options(format!(
            "-c statement_timeout={statement_ms} -c lock_timeout={statement_ms} \
             -c idle_in_transaction_session_timeout={idle_ms} -c timezone=UTC -c jit=off {plans} {own}"
        ));
    Ok(server)
}

/// Reads a database's URL.
pub(crate) fn parse(url: &SecretString) -> Result<tokio_postgres::Config, StoreError> {
    url.expose_secret()
        .parse()
        .map_err(|error: tokio_postgres::Error| StoreError::Broken(Box::new(error)))
}
