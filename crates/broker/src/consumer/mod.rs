//! Consuming: a message stays the broker's until it is acknowledged.

pub(crate) mod acker;
mod feed;
pub(crate) mod received;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::broker::Broker;
use acker::Generation;
use received::Received;

/// What to consume, and how much of it at once.
#[derive(Debug, Clone)]
pub struct ConsumerOptions {
    /// The queue.
    pub queue: String,
    /// How many messages may be unacknowledged at once; at least 1.
    pub prefetch: u16,
    /// What the consumer is for, as the broker's management shows it.
    pub name: String,
}

/// Messages of one queue, over a connection of its own that it keeps alive.
///
/// Dropping it gives what it has fetched and not handed out back to the queue.
pub struct Consumer {
    broker: Broker,
    queue: Arc<str>,
    feed: mpsc::Receiver<Received>,
    /// Came from a newer channel than the batch before it.
    held: Option<Received>,
    connected: Arc<AtomicBool>,
    channel: Arc<Mutex<Weak<Generation>>>,
    prefetch: u16,
    stop: CancellationToken,
    _ends_with_us: DropGuard,
}

impl Consumer {
    pub(crate) fn start(broker: Broker, options: ConsumerOptions, stop: CancellationToken) -> Self {
        let prefetch = options.prefetch.max(1);
        let queue: Arc<str> = options.queue.into();
        // The broker sends no more than the prefetch, so this never fills up while it is read.
        let (messages, feed) = mpsc::channel(usize::from(prefetch));
        let connected = Arc::new(AtomicBool::new(false));
        let channel = Arc::default();
        let ours = stop.child_token();
        let keeper = feed::Keeper {
            broker: broker.clone(),
            name: options.name,
            queue: Arc::clone(&queue),
            prefetch,
            connected: Arc::clone(&connected),
            channel: Arc::clone(&channel),
            messages,
        };
        broker.farewells().spawn(keeper.run(ours.clone()));
        Self {
            broker,
            queue,
            feed,
            held: None,
            connected,
            channel,
            prefetch,
            stop,
            _ends_with_us: ours.drop_guard(),
        }
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Whether the queue is being consumed now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Whether there is nothing to take although the broker may send: nothing has come, and the
    /// prefetch isn't used up. When that lasts, the queue is empty.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        let has_credit = channel
            .upgrade()
            .is_some_and(|channel| channel.held() < usize::from(self.prefetch));
        self.is_connected() && has_credit && self.feed.is_empty() && self.held.is_none()
    }

    /// The next message; none only after `stop` was cancelled.
    ///
    /// Cancel safe: a message is either returned or kept for the next call.
    pub async fn next(&mut self) -> Option<Received> {
        loop {
            let next = match self.held.take() {
                Some(held) => held,
                None => self.stop.run_until_cancelled(self.feed.recv()).await??,
            };
            // What came over a channel that has ended meanwhile comes again: working on it now
            // would be in vain.
            if next.is_ours() {
                return Some(next);
            }
        }
    }

    /// The next message and those that have arrived behind it, `max` at most and without waiting
    /// for more; none only after `stop` was cancelled.
    ///
    /// All came over the same channel, so [`crate::ack_all`] takes them together. Cancel safe.
    pub async fn next_batch(&mut self, max: usize) -> Option<Vec<Received>> {
        let first = self.next().await?;
        let mut batch = vec![first];
        while batch.len() < max {
            let Ok(next) = self.feed.try_recv() else {
                break;
            };
            if next.is_beside(&batch[0]) {
                batch.push(next);
            } else {
                self.held = Some(next);
                break;
            }
        }
        Some(batch)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (_, nothing) = mpsc::channel(1);
        let mut feed = std::mem::replace(&mut self.feed, nothing);
        let held = self.held.take();
        let giving_back = async move {
            if let Some(held) = held {
                held.give_back().await;
            }
            // It ends when nothing more comes: the keeper ends with us.
            while let Some(received) = feed.recv().await {
                received.give_back().await;
            }
        };
        self.broker.farewells().spawn_on(giving_back, &runtime);
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("queue", &self.queue)
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
