//! The work on one queue: take what is there, fan it out, take more meanwhile.

use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, Consumer, ConsumerOptions};
use futures::FutureExt as _;
use service::courtesy::{Step, Steps};
use service::{Latch, Lifecycle, Readiness};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use crate::fan_out::FanOut;
use crate::intake::Intake;

/// How often the worker says whether it works.
const PULSE: Duration = Duration::from_millis(500);

/// Works on one queue until it is told to stop.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) broker: Broker,
    pub(crate) consume: ConsumerOptions,
    /// One for each batch under way.
    pub(crate) steps: Steps,
    pub(crate) fan_out: Arc<FanOut>,
    pub(crate) life: Lifecycle,
    pub(crate) latch: Latch,
}

/// Why the queue is no longer consumed.
enum Ended {
    Stopped,
    /// A batch panicked. What it held comes back when the consumer's channel ends, and counts
    /// towards the delivery limit: a message that always panics ends in quarantine.
    Panicked(JoinError),
}

impl Worker {
    /// Returns when `stop` was cancelled and every batch under way has ended.
    pub(crate) async fn run(self) {
        // An idle worker, too, is ready only once the record has answered.
        if self.fan_out.recording.newest().await.is_err() {
            return;
        }
        loop {
            let stop = self.life.stop().clone();
            let consumer = self.broker.consumer(self.consume.clone(), stop);
            match self.work(consumer).await {
                Ended::Stopped => return,
                Ended::Panicked(error) => tracing::error!(
                    queue = %self.consume.queue,
                    %error,
                    "a batch panicked; its messages go back to their queue"
                ),
            }
        }
    }

    async fn work(&self, mut consumer: Consumer) -> Ended {
        let mut batches = JoinSet::new();
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ended = loop {
            tokio::select! {
                Some(batch) = batches.join_next() => {
                    if let Err(error) = batch {
                        break Ended::Panicked(error);
                    }
                }
                begun = begin(&self.steps, &mut consumer) => match begun {
                    Some((step, intake)) => {
                        let fan_out = Arc::clone(&self.fan_out);
                        batches.spawn(async move { fan_out.run(step, intake).await });
                    }
                    None => break Ended::Stopped,
                },
                _ = pulse.tick() => self.latch.set(self.readiness(&consumer)),
            }
        };
        while let Some(batch) = batches.join_next().await {
            if let Err(error) = batch {
                ended = Ended::Panicked(error);
            }
        }
        ended
    }

    fn readiness(&self, consumer: &Consumer) -> Readiness {
        if consumer.is_connected() && self.fan_out.publisher.is_connected() {
            Readiness::Ready
        } else {
            Readiness::NotReady
        }
    }
}

/// A batch that may be begun; none when the consumer has stopped. Cancel safe.
async fn begin(steps: &Steps, consumer: &mut Consumer) -> Option<(Step, Intake)> {
    // The place first: while there is none, more gathers.
    let step = steps.begin().await;
    let intake = gather(consumer).await?;
    Some((step, intake))
}

/// The next message and what has arrived behind it, as far as a transaction takes it, without
/// waiting for more; none when the consumer has stopped. Cancel safe.
async fn gather(consumer: &mut Consumer) -> Option<Intake> {
    let mut intake = Intake::default();
    intake.take(consumer.next().await?);
    while intake.has_room() {
        let Some(Some(received)) = consumer.next().now_or_never() else {
            break;
        };
        intake.take(received);
    }
    Some(intake)
}
