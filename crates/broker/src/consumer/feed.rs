//! Keeps a consumer's connection alive, and passes on what it brings.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::acker::Generation;
use super::received::Received;
use crate::backoff::Backoff;
use crate::broker::Broker;
use crate::connection::ConnectError;
use crate::declare;
use crate::properties::short;

/// How long the broker may take to confirm that it sends no more.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) struct Keeper {
    pub(super) broker: Broker,
    pub(super) name: String,
    pub(super) queue: Arc<str>,
    pub(super) prefetch: u16,
    pub(super) connected: Arc<AtomicBool>,
    /// The channel that messages come over now.
    pub(super) channel: Arc<Mutex<Weak<Generation>>>,
    pub(super) messages: mpsc::Sender<Received>,
}

struct Open {
    // Keeps the connection open while there is anything to consume or to acknowledge.
    connection: Connection,
    channel: Channel,
    consumer: lapin::Consumer,
}

/// Why a consumer is no longer fed.
enum Ended {
    Stopped,
    Lost,
}

impl Keeper {
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut backoff = Backoff::new();
        while let Some(opened) = stop.run_until_cancelled(self.open()).await {
            match opened {
                Ok(open) => {
                    backoff = Backoff::new();
                    tracing::info!(queue = %self.queue, "consuming");
                    self.connected.store(true, Ordering::Relaxed);
                    let ended = self.feed(open, &stop).await;
                    self.connected.store(false, Ordering::Relaxed);
                    match ended {
                        Ended::Stopped => return,
                        Ended::Lost => {
                            tracing::warn!(queue = %self.queue, "lost the broker");
                            self.broker.metrics().lost("consume");
                        }
                    }
                }
                Err(error) => self.report(&error).await,
            }
            let wait = tokio::time::sleep(backoff.wait());
            if stop.run_until_cancelled(wait).await.is_none() {
                return;
            }
        }
    }

    async fn report(&self, error: &ConnectError) {
        tracing::warn!(queue = %self.queue, %error, "can't consume");
        if let ConnectError::Refused(error) = error
            && declare::is_missing(error)
        {
            self.broker.redeclare().await;
        }
    }

    async fn open(&self) -> Result<Open, ConnectError> {
        let purpose = format!("consume {}", self.name);
        let endpoint = self.broker.endpoint();
        let connection = endpoint.connect(&purpose).await?;
        let limit = endpoint.timeout;
        let consume = async {
            let channel = connection.create_channel().await?;
            channel
                .basic_qos(self.prefetch, BasicQosOptions::default())
                .await?;
            let (queue, tag) = (short(&self.queue), short(""));
            let options = BasicConsumeOptions::default();
            let consumer = channel
                .basic_consume(queue, tag, options, FieldTable::default())
                .await?;
            Ok::<_, lapin::Error>((channel, consumer))
        };
        let consumed = timeout(limit, consume).await;
        let (channel, consumer) = consumed.map_err(|_| ConnectError::Timeout(limit))??;
        Ok(Open {
            connection,
            channel,
            consumer,
        })
    }

    /// Passes messages on until the channel ends, or we are to stop.
    async fn feed(&self, mut open: Open, stop: &CancellationToken) -> Ended {
        let farewells = self.broker.farewells().clone();
        let generation = Generation::new(open.connection, open.channel.clone(), farewells);
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&generation);
        loop {
            let delivery = match stop.run_until_cancelled(open.consumer.next()).await {
                Some(Some(Ok(delivery))) => delivery,
                Some(Some(Err(_)) | None) => {
                    generation.end();
                    return Ended::Lost;
                }
                None => break,
            };
            let received = Received::new(delivery, &generation, &self.queue);
            // There is room for the whole prefetch, so this does not wait.
            if let Err(unwanted) = self.messages.send(received).await {
                unwanted.0.give_back().await;
                break;
            }
        }
        // What is in flight keeps the channel open, to be acknowledged over it; only no more
        // messages shall come. What was fetched and not handed out is given back by the consumer.
        let (tag, options) = (open.consumer.tag(), BasicCancelOptions::default());
        let cancel = open.channel.basic_cancel(tag, options);
        if !matches!(timeout(FAREWELL, cancel).await, Ok(Ok(()))) {
            tracing::debug!(queue = %self.queue, "the consumer could not be cancelled");
            return Ended::Stopped;
        }
        let give_back = async {
            while let Some(Ok(delivery)) = open.consumer.next().await {
                let received = Received::new(delivery, &generation, &self.queue);
                received.give_back().await;
            }
        };
        if timeout(FAREWELL, give_back).await.is_err() {
            tracing::debug!(queue = %self.queue, "not all that was fetched was given back");
        }
        Ended::Stopped
    }
}
