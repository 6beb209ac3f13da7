//! Consuming a queue batch by batch, for as long as the process lives.

use std::future::Future;
use std::time::Duration;

use broker::{Broker, Consumer, ConsumerOptions, Received};
use service::{Latch, Lifecycle, Readiness};
use tokio::time::{MissedTickBehavior, interval};

use crate::interrupted::Interrupted;

/// How often the lane says whether it works.
const PULSE: Duration = Duration::from_millis(500);

/// A queue and how it is consumed.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) broker: Broker,
    pub(crate) consume: ConsumerOptions,
    /// The most messages handled together.
    pub(crate) most: usize,
    pub(crate) life: Lifecycle,
    pub(crate) latch: Latch,
}

/// Why the queue is no longer consumed.
enum Ended {
    Stopped,
    Panicked,
}

impl Lane {
    /// Hands batches to `handle`, one after the other, until told to stop.
    ///
    /// `handle` acknowledges. What it held when it panics comes back when the channel ends, and
    /// counts towards the delivery limit: a message that always panics ends in quarantine.
    pub(crate) async fn run<H, F>(self, handle: H)
    where
        H: Fn(Vec<Received>) -> F + Send + Sync,
        F: Future<Output = Result<(), Interrupted>> + Send + 'static,
    {
        loop {
            let stop = self.life.stop().clone();
            let consumer = self.broker.consumer(self.consume.clone(), stop);
            match self.work(consumer, &handle).await {
                Ended::Stopped => return,
                Ended::Panicked => {}
            }
        }
    }

    async fn work<H, F>(&self, mut consumer: Consumer, handle: &H) -> Ended
    where
        H: Fn(Vec<Received>) -> F,
        F: Future<Output = Result<(), Interrupted>> + Send + 'static,
    {
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let batch = tokio::select! {
                batch = consumer.next_batch(self.most) => batch,
                _ = pulse.tick() => {
                    self.latch.set(readiness(&consumer));
                    continue;
                }
            };
            let Some(batch) = batch else {
                return Ended::Stopped;
            };
            // In a task of its own, so that a panic ends the batch and not the lane.
            match tokio::spawn(handle(batch)).await {
                Ok(Ok(())) => {}
                Ok(Err(Interrupted)) => return Ended::Stopped,
                Err(error) => {
                    tracing::error!(
                        queue = consumer.queue(),
                        %error,
                        "a batch panicked; its messages go back to their queue"
                    );
                    return Ended::Panicked;
                }
            }
        }
    }
}

fn readiness(consumer: &Consumer) -> Readiness {
    if consumer.is_connected() {
        Readiness::Ready
    } else {
        Readiness::NotReady
    }
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
