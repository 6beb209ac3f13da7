//! The release of held deliveries, once their endpoints are enabled again.

use std::num::NonZeroU16;
use std::time::Duration;

use broker::Publisher;
use domain::dispatch::{Custody, Dispatch};
use domain::id::DeliveryId;
use domain::shard::Shards;
use domain::tier::Wait;
use futures::future::join_all;
use opentelemetry::metrics::Counter;
use store::Store;
use store::held;
use time::OffsetDateTime;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::retry_lane::on_retry_lane;

/// How often held deliveries are looked for.
const ROUND: Duration = Duration::from_secs(1);

/// Publishes what may go again, of each endpoint the longest held first, and marks it waiting when
/// the broker has it.
///
/// Several consoles may run at once: one of them releases at a time, and they share the rate. A
/// crash between the confirm and the mark publishes a delivery again, with the same id.
pub(crate) struct Release {
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    pub(crate) shards: Shards,
    pub(crate) rate: NonZeroU16,
    pub(crate) released: Counter<u64>,
}

impl Release {
    /// A round every second, until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            let now = OffsetDateTime::now_utc();
            let round = self
                .store
                .release_held(self.rate, now, async |batch| self.publish(batch).await)
                .await;
            match round {
                Ok(0) => {}
                Ok(released) => {
                    let deliveries = u64::try_from(released).expect("a round has a bound");
                    self.released.add(deliveries, &[]);
                    tracing::info!(released, "held deliveries were released");
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, "held deliveries could not be looked for");
                }
            }
            if let Err(error) = self.store.cancel_held(self.rate.get()).await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "held deliveries of deleted endpoints stay for now");
            }
        }
    }

    /// Those that the broker has confirmed.
    async fn publish(&self, batch: Vec<held::Release>) -> Vec<DeliveryId> {
        let published = batch.into_iter().map(async |one| {
            let id = one.due.delivery.id;
            let dispatch = Dispatch {
                content: one.event.content().into(),
                due: one.due,
                wait: Wait::NONE,
                custody: Custody::Sole,
                overflows: 0,
                attempt_before: None,
            };
            let sent = self
                .publisher
                .publish(on_retry_lane(&dispatch, self.shards))
                .await;
            sent.is_ok().then_some(id)
        });
        join_all(published).await.into_iter().flatten().collect()
    }
}
