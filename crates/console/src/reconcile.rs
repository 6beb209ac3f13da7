//! Reconciling: what the record knows as open and no queue can hold any more is sent again.
//!
//! It goes on the retry lane at a bounded rate, under the same ids, with the attempt that the
//! record knows. What counts as lost is [`domain::loss`]'s to say.

use std::num::NonZeroU16;
use std::time::Duration;

use broker::topology::queue;
use broker::{Broker, DepthError, Publisher};
use domain::dispatch::{Custody, Dispatch};
use domain::id::DeliveryId;
use domain::loss::Horizon;
use domain::shard::Shards;
use domain::tier::Wait;
use futures::future::join_all;
use store::held::Release;
use store::lanes::Lanes;
use store::lost::{Batch, OpenMinute};
use store::{Cursor, Store, StoreError};
use tokio::time::{Interval, MissedTickBehavior, interval};
use uuid::Uuid;

use crate::retry_lane::on_retry_lane;

/// The most deliveries that are sent together.
const TOGETHER: u16 = 200;

/// What reconciling works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where lost deliveries go.
    pub broker: Broker,
    /// The record.
    pub store: Store,
    /// How many queues each lane has.
    pub shards: Shards,
}

/// How to reconcile.
#[derive(Debug, Clone)]
pub struct Options {
    /// What to do with what is lost.
    pub deed: Deed,
    /// How many deliveries to send a second.
    pub rate: NonZeroU16,
    /// How long after it was due a delivery that nobody has heard of since counts as lost, once its
    /// lanes have passed that instant.
    pub grace: Duration,
}

/// What to do with what is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Count it.
    Count,
    /// Send it again.
    Send,
}

/// What was found, so far or in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Up to when deliveries could be judged.
    pub horizon: Horizon,
    /// Lost first attempts.
    pub first: u64,
    /// Lost later attempts.
    pub later: u64,
    /// Of both, how many the broker has not confirmed: they are still lost.
    pub unconfirmed: u64,
}

/// Why nothing, or not everything, was reconciled. Trying again does no harm.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Dispatchers and a recorder have to run.
    #[error(
        "not every lane has told yet how far it has come: do all dispatchers and a recorder run?"
    )]
    Untold,
    /// What fan-out recorded last may not be published yet, and would be sent twice.
    #[error("nobody consumes {queue}, and it is not empty: start fan-out first")]
    FanoutAway {
        /// The queue.
        queue: String,
    },
    /// The broker takes no messages.
    #[error("the broker confirms nothing")]
    Unconfirmed,
    /// The broker can't be asked.
    #[error(transparent)]
    Broker(#[from] DepthError),
    /// The record can't be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds what is lost, and does to it what `options` say. `progress` is told after each batch.
///
/// # Errors
/// See [`ReconcileError`]; what was sent until then is on record as sent.
pub async fn reconcile(
    parts: Parts,
    options: Options,
    mut progress: impl FnMut(&Summary),
) -> Result<Summary, ReconcileError> {
    let lanes = Lanes {
        first: queue::first_lanes(parts.shards),
        later: queue::later_lanes(parts.shards),
    };
    let horizon = parts.store.horizon(&lanes, options.grace).await?;
    let horizon = horizon.ok_or(ReconcileError::Untold)?;
    fanout_works(&parts).await?;
    parts.store.post_ledger().await?;
    let summary = Summary {
        horizon,
        first: 0,
        later: 0,
        unconfirmed: 0,
    };
    match options.deed {
        Deed::Count => count(&parts.store, summary).await,
        Deed::Send => {
            let sender = Sender::new(parts, options.rate);
            sender.send(summary, &mut progress).await
        }
    }
}

/// A queue that nobody consumes may hold events that were recorded and not published: those that
/// fan-out had in hand when it went away.
async fn fanout_works(parts: &Parts) -> Result<(), ReconcileError> {
    let queues = queue::event_lanes(parts.shards);
    let depths = parts.broker.depths(&queues).await?;
    let idle = queues
        .into_iter()
        .zip(depths)
        .find(|(_, depth)| depth.consumers == 0 && depth.messages > 0);
    match idle {
        Some((queue, _)) => Err(ReconcileError::FanoutAway { queue }),
        None => Ok(()),
    }
}

async fn count(store: &Store, mut summary: Summary) -> Result<Summary, ReconcileError> {
    let mut after = None;
    loop {
        let minutes = store.open_minutes(summary.horizon.first, after).await?;
        let Some(last) = minutes.last() else { break };
        after = Some(*last);
        for minute in minutes {
            summary.first += store.count_unreported(minute).await?;
        }
    }
    summary.later = store.count_overdue(summary.horizon.waiting).await?;
    Ok(summary)
}

struct Sender {
    store: Store,
    publisher: Publisher,
    shards: Shards,
    together: u16,
    pace: Interval,
}

impl Sender {
    fn new(parts: Parts, rate: NonZeroU16) -> Self {
        let together = rate.get().min(TOGETHER);
        let period = Duration::from_secs(1) * u32::from(together) / u32::from(rate.get());
        let mut pace = interval(period);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            publisher: parts.broker.publisher("reconcile"),
            store: parts.store,
            shards: parts.shards,
            together,
            pace,
        }
    }

    /// Later attempts first: what was tried before has waited the longest.
    async fn send(
        mut self,
        mut summary: Summary,
        progress: &mut impl FnMut(&Summary),
    ) -> Result<Summary, ReconcileError> {
        loop {
            let batch = self.overdue(summary.horizon).await?;
            summary.later += whole(batch.published);
            progress(&summary);
            if batch.next.is_none() {
                summary.unconfirmed += whole(batch.found - batch.published);
                break;
            }
        }
        let mut after = None;
        loop {
            let minutes = self.store.open_minutes(summary.horizon.first, after);
            let minutes = minutes.await?;
            let Some(last) = minutes.last() else { break };
            after = Some(*last);
            for minute in minutes {
                self.minute(minute, &mut summary, progress).await?;
            }
        }
        Ok(summary)
    }

    async fn minute(
        &mut self,
        minute: OpenMinute,
        summary: &mut Summary,
        progress: &mut impl FnMut(&Summary),
    ) -> Result<(), ReconcileError> {
        let mut from = Some(Cursor {
            at: minute.minute,
            id: Uuid::nil(),
        });
        while let Some(begin) = from {
            self.pace.tick().await;
            let publish = async |lost| self.publish(lost).await;
            let sent = self
                .store
                .send_unreported(minute, begin, self.together, publish)
                .await?;
            some_confirmed(sent)?;
            summary.first += whole(sent.published);
            summary.unconfirmed += whole(sent.found - sent.published);
            progress(summary);
            from = sent.next;
        }
        Ok(())
    }

    async fn overdue(&mut self, horizon: Horizon) -> Result<Batch, ReconcileError> {
        self.pace.tick().await;
        let publish = async |lost| self.publish(lost).await;
        let sent = self
            .store
            .send_overdue(horizon.waiting, self.together, publish)
            .await?;
        some_confirmed(sent)?;
        Ok(sent)
    }

    /// Those that the broker has confirmed.
    async fn publish(&self, lost: Vec<Release>) -> Vec<DeliveryId> {
        let published = lost.into_iter().map(async |one| {
            let id = one.due.delivery.id;
            let dispatch = Dispatch {
                content: one.event.content().into(),
                due: one.due,
                wait: Wait::NONE,
                // Should it not be lost after all, somebody may be making this attempt: the record
                // is asked before it is made again.
                custody: Custody::HandedOver,
                overflows: 0,
                attempt_before: None,
            };
            let message = on_retry_lane(&dispatch, self.shards);
            self.publisher.publish(message).await.is_ok().then_some(id)
        });
        join_all(published).await.into_iter().flatten().collect()
    }
}

/// Of a batch of which nothing was confirmed, no more is to be expected.
fn some_confirmed(sent: Batch) -> Result<(), ReconcileError> {
    if sent.found > 0 && sent.published == 0 {
        return Err(ReconcileError::Unconfirmed);
    }
    Ok(())
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
