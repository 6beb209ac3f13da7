//! The handle from which everything else is made.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lapin::Connection;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use thiserror::Error;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::census;
use crate::config::Config;
use crate::connection::{ConnectError, Endpoint, UrlError};
use crate::consumer::{Consumer, ConsumerOptions};
use crate::declare::{self, DeclareError};
use crate::metrics::Metrics;
use crate::properties::short;
use crate::publisher::{Publisher, PublisherOptions};
use crate::topology::Topology;

/// The shortest time between two attempts to declare again what is missing.
const REDECLARE_PAUSE: Duration = Duration::from_secs(2);

/// How long the broker may take to answer the last of what is said to it.
const FAREWELL: Duration = Duration::from_secs(10);

/// A RabbitMQ broker. Cheap to clone; holds no connection itself.
#[derive(Clone)]
pub struct Broker {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Endpoint,
    metrics: Metrics,
    /// What was declared first, to be declared again where something turns out to be missing.
    topology: OnceLock<Topology>,
    /// When that was tried last; held while it is.
    redeclared: Mutex<Option<Instant>>,
    /// Consumers, and what is still to be said over their connections.
    farewells: TaskTracker,
}

/// What a queue holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// Messages that wait to be consumed; those in a consumer's hands don't count.
    pub messages: u32,
    /// Consumers.
    pub consumers: u32,
}

/// Why a queue's depth isn't known.
#[derive(Debug, Error)]
pub enum DepthError {
    /// There is no such queue.
    #[error("queue {queue} does not exist")]
    Missing {
        /// Its name.
        queue: String,
    },
    /// The broker can't be reached, or doesn't answer in time.
    #[error("the broker can't be reached: {reason}")]
    Unavailable {
        /// What went wrong.
        reason: String,
    },
}

impl Broker {
    /// A broker at this address. Nothing is connected yet.
    ///
    /// # Errors
    /// The URL is none of AMQP.
    pub fn new(config: &Config) -> Result<Self, UrlError> {
        let shared = Shared {
            endpoint: Endpoint::new(config)?,
            metrics: Metrics::new(),
            topology: OnceLock::new(),
            redeclared: Mutex::new(None),
            farewells: TaskTracker::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Declares everything in the topology. What exists with the same arguments stays as it is.
    ///
    /// # Errors
    /// See [`DeclareError`].
    pub async fn declare(&self, topology: &Topology) -> Result<(), DeclareError> {
        let connection = self.shared.endpoint.connect("declare").await?;
        declare::all(&connection, topology, self.shared.endpoint.timeout).await?;
        let _ = self.shared.topology.set(topology.clone());
        Ok(())
    }

    /// Declares everything in the topology, as soon as the broker can be reached.
    ///
    /// Returns without having declared anything only when `stop` is cancelled.
    ///
    /// # Errors
    /// [`DeclareError::Conflict`] and [`DeclareError::Refused`], which waiting doesn't mend.
    pub async fn declare_when_up(
        &self,
        topology: &Topology,
        stop: &CancellationToken,
    ) -> Result<(), DeclareError> {
        let mut backoff = Backoff::new();
        loop {
            match stop.run_until_cancelled(self.declare(topology)).await {
                Some(Err(DeclareError::Unavailable { reason })) => {
                    tracing::warn!(%reason, "the topology is not declared yet");
                }
                Some(declared) => return declared,
                None => return Ok(()),
            }
            let wait = tokio::time::sleep(backoff.wait());
            if stop.run_until_cancelled(wait).await.is_none() {
                return Ok(());
            }
        }
    }

    /// Declares again what was declared before, if anything was. When many find something missing
    /// at the same time, only the first one declares, and the others go on.
    pub(crate) async fn redeclare(&self) {
        let Some(topology) = self.shared.topology.get() else {
            return;
        };
        let Ok(mut last) = self.shared.redeclared.try_lock() else {
            return;
        };
        if last.is_some_and(|last| last.elapsed() < REDECLARE_PAUSE) {
            return;
        }
        *last = Some(Instant::now());
        if let Err(error) = self.declare(topology).await {
            tracing::warn!(%error, "the topology could not be declared again");
        }
    }

    /// Waits until the broker has taken every acknowledgement, for a few seconds at most: the last
    /// thing to do before the process ends. All consumers must be dropped or stopped.
    pub async fn farewell(&self) {
        self.shared.farewells.close();
        let said = timeout(FAREWELL, self.shared.farewells.wait()).await;
        if said.is_err() {
            tracing::warn!("the broker may not have taken the last acknowledgements");
        }
    }

    pub(crate) fn farewells(&self) -> &TaskTracker {
        &self.shared.farewells
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// A publisher on a connection of its own, which it makes in the background.
    ///
    /// Must be called within a Tokio runtime. `name` ends up in the connection's name.
    #[must_use]
    pub fn publisher(&self, name: &str) -> Publisher {
        self.publisher_with(name, PublisherOptions::default())
    }

    /// A publisher with other bounds than the default.
    ///
    /// Must be called within a Tokio runtime.
    #[must_use]
    pub fn publisher_with(&self, name: &str, options: PublisherOptions) -> Publisher {
        Publisher::start(self.clone(), name, options)
    }

    /// A consumer on a connection of its own, which it makes in the background. It takes no more
    /// messages once `stop` is cancelled.
    ///
    /// Must be called within a Tokio runtime.
    #[must_use]
    pub fn consumer(&self, options: ConsumerOptions, stop: CancellationToken) -> Consumer {
        Consumer::start(self.clone(), options, stop)
    }

    /// How many consumers a queue has, counted every two seconds over a connection of its own until
    /// `stop` is cancelled. It is one at first, and while the broker can't be asked the last count
    /// holds.
    ///
    /// Must be called within a Tokio runtime.
    #[must_use]
    pub fn consumers_of(
        &self,
        queue: String,
        stop: CancellationToken,
    ) -> watch::Receiver<NonZeroU32> {
        let (counted, count) = watch::channel(NonZeroU32::MIN);
        tokio::spawn(census::count(self.clone(), queue, counted, stop));
        count
    }

    /// How many messages wait in a queue, asked over a connection made for it. For tests, checks
    /// and coarse metrics, a few times a minute.
    ///
    /// # Errors
    /// See [`DepthError`].
    pub async fn depth(&self, queue: &str) -> Result<QueueDepth, DepthError> {
        let depths = self.depths(&[queue.to_owned()]).await?;
        Ok(depths.into_iter().next().expect("one queue has one depth"))
    }

    /// The same for several queues, over one connection, in their order.
    ///
    /// # Errors
    /// See [`DepthError`].
    pub async fn depths(&self, queues: &[String]) -> Result<Vec<QueueDepth>, DepthError> {
        let limit = self.shared.endpoint.timeout;
        let asked = async {
            let connection = self.shared.endpoint.connect("depth").await?;
            let mut depths = Vec::with_capacity(queues.len());
            for queue in queues {
                depths.push(ask_depth(&connection, queue).await?);
            }
            Ok(depths)
        };
        match timeout(limit, asked).await {
            Ok(depths) => depths,
            Err(_) => Err(ConnectError::Timeout(limit).into()),
        }
    }
}

async fn ask_depth(connection: &Connection, queue: &str) -> Result<QueueDepth, DepthError> {
    let channel = connection.create_channel().await?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let asked = channel.queue_declare(short(queue), passive, FieldTable::default());
    match asked.await {
        Ok(found) => Ok(QueueDepth {
            messages: found.message_count(),
            consumers: found.consumer_count(),
        }),
        Err(error) if declare::is_missing(&error) => Err(DepthError::Missing {
            queue: queue.to_owned(),
        }),
        Err(error) => Err(error.into()),
    }
}

impl From<ConnectError> for DepthError {
    fn from(error: ConnectError) -> Self {
        Self::Unavailable {
            reason: error.to_string(),
        }
    }
}

impl From<lapin::Error> for DepthError {
    fn from(error: lapin::Error) -> Self {
        ConnectError::from(error).into()
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").finish_non_exhaustive()
    }
}
