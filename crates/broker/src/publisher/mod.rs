//! Publishing: done when, and only when, the broker has confirmed.

pub(crate) mod error;
mod link;
mod outstanding;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::backoff::Backoff;
use crate::broker::Broker;
use crate::message::Outgoing;
#[cfg(doc)]
use crate::message::header;
use error::{Cancelled, PublishError};
use link::Link;
use outstanding::Verdict;
use window::Job;

/// The bounds of a publisher.
#[derive(Debug, Clone)]
pub struct PublisherOptions {
    /// How long [`Publisher::publish`] may take. Default 5 s.
    pub deadline: Duration,
    /// How many channels the connection has. Default 2.
    pub channels: usize,
    /// How many confirms may be outstanding on each channel. Default 256.
    pub window: usize,
}

impl Default for PublisherOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            channels: 2,
            window: 256,
        }
    }
}

/// Publishes with confirms, over a connection of its own that it keeps alive.
///
/// Cheap to clone; the connection ends when the last clone is dropped.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    broker: Broker,
    options: PublisherOptions,
    link: watch::Receiver<Link>,
    turn: AtomicUsize,
    _ends_with_us: DropGuard,
}

impl Publisher {
    pub(crate) fn start(broker: Broker, name: &str, options: PublisherOptions) -> Self {
        let stop = CancellationToken::new();
        let (state, link) = watch::channel(Link::Down);
        let keeper = link::Keeper {
            broker: broker.clone(),
            purpose: format!("publish {name}"),
            channels: options.channels.max(1),
            window: options.window.max(1),
            state,
        };
        tokio::spawn(keeper.run(stop.clone()));
        Self {
            shared: Arc::new(Shared {
                broker,
                options,
                link,
                turn: AtomicUsize::new(0),
                _ends_with_us: stop.drop_guard(),
            }),
        }
    }

    /// Whether messages can be published now: connected, and not blocked by an alarm.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(*self.shared.link.borrow(), Link::Up(_))
    }

    /// Publishes, and returns when the broker has stored the message.
    ///
    /// A message whose connection is lost before its confirm is published again within the
    /// deadline, so it may be stored twice; the second carries [`header::AGAIN`]. Dropping the
    /// future does not take a message back.
    ///
    /// # Errors
    /// After the publisher's deadline at the latest: see [`PublishError`].
    pub async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        self.publish_within(message, self.shared.options.deadline)
            .await
    }

    /// [`Self::publish`] with a deadline of its own.
    ///
    /// # Errors
    /// After `limit` at the latest: see [`PublishError`].
    pub async fn publish_within(
        &self,
        message: Outgoing,
        limit: Duration,
    ) -> Result<(), PublishError> {
        let exchange = message.route.exchange();
        let began = Instant::now();
        let outcome = self.publish_by(message, began + limit).await;
        let metrics = self.shared.broker.metrics();
        metrics.published(exchange, &outcome, began.elapsed());
        outcome
    }

    async fn publish_by(
        &self,
        mut message: Outgoing,
        deadline: Instant,
    ) -> Result<(), PublishError> {
        let mut late = PublishError::Unavailable;
        loop {
            let Some(slot) = self.slot(deadline).await else {
                return Err(late);
            };
            let (reply, verdict) = oneshot::channel();
            slot.send(Job {
                message: message.clone(),
                reply,
            });
            match timeout_at(deadline, verdict).await {
                Ok(Ok(Verdict::Confirmed)) => return Ok(()),
                Ok(Ok(Verdict::Unroutable)) => return Err(PublishError::Unroutable),
                // Unless an earlier copy of it may be stored.
                Ok(Ok(Verdict::Refused)) if late == PublishError::Unknown => return Err(late),
                Ok(Ok(Verdict::Refused)) => return Err(PublishError::Refused),
                Ok(Ok(Verdict::Lost) | Err(_)) => {
                    late = PublishError::Unknown;
                    message = message.again();
                }
                Err(_) => return Err(PublishError::Unknown),
            }
        }
    }

    /// A place in the window of one of the channels; none when the deadline is over first.
    async fn slot(&self, deadline: Instant) -> Option<mpsc::OwnedPermit<Job>> {
        let mut link = self.shared.link.clone();
        loop {
            let up = timeout_at(deadline, link.wait_for(|link| matches!(link, Link::Up(_))));
            let Link::Up(channels) = up.await.ok()?.ok()?.clone() else {
                return None;
            };
            let turn = self.shared.turn.fetch_add(1, Ordering::Relaxed);
            let channel = channels[turn % channels.len()].clone();
            // Full for as long as the window is; closed when the connection has just ended, which
            // the link's next value tells.
            if let Ok(slot) = timeout_at(deadline, channel.reserve_owned()).await.ok()? {
                return Some(slot);
            }
            timeout_at(deadline, link.changed()).await.ok()?.ok()?;
        }
    }

    /// Publishes, and keeps trying until the broker has stored the message.
    ///
    /// For what is already accepted and has nowhere else to go: a full queue and a broker that is
    /// away are waited for, and what is missing of the topology is declared again.
    ///
    /// # Errors
    /// When `stop` is cancelled first.
    pub async fn publish_until_confirmed(
        &self,
        mut message: Outgoing,
        stop: &CancellationToken,
    ) -> Result<(), Cancelled> {
        let mut backoff = Backoff::new();
        loop {
            let attempt = stop.run_until_cancelled(self.publish(message.clone()));
            let Err(error) = attempt.await.ok_or(Cancelled)? else {
                return Ok(());
            };
            match error {
                PublishError::Unroutable => {
                    tracing::error!(route = %message.route, "no queue is bound for a route of ours");
                    self.shared.broker.redeclare().await;
                }
                PublishError::Refused => {
                    tracing::warn!(route = %message.route, "the queue is full, trying again");
                }
                PublishError::Unknown => {
                    // A missing exchange ends the channel instead of returning the message.
                    tracing::warn!(route = %message.route, %error, "publishing it again");
                    self.shared.broker.redeclare().await;
                    message = message.again();
                }
                PublishError::Unavailable => {
                    tracing::debug!(route = %message.route, %error, "publishing it later");
                }
            }
            let wait = tokio::time::sleep(backoff.wait());
            stop.run_until_cancelled(wait).await.ok_or(Cancelled)?;
        }
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
