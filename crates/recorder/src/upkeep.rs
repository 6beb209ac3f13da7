//! What the record needs from time to time: partitions made ahead and dropped when their time is
//! over, and idempotency keys, operational events and how breakers stood forgotten after theirs.

use std::sync::Arc;
use std::time::Duration;

use service::Latch;
use service::patience::Patience;
use store::{Store, StoreError};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::interrupted::Interrupted;

/// How often it is looked after. Partitions are made days ahead, so a few rounds may fail.
const ROUND: Duration = Duration::from_secs(60 * 60);

/// How long it is kept how a breaker stood: beyond any time that one is open.
const BREAKERS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks after the record.
#[derive(Debug)]
pub(crate) struct Upkeep {
    pub(crate) store: Store,
    pub(crate) days_ahead: u16,
    pub(crate) retention: Duration,
    /// Says whether the record answers.
    pub(crate) record: Arc<Latch>,
    pub(crate) stop: CancellationToken,
}

impl Upkeep {
    /// Looks after it at once and then every hour, until told to stop.
    pub(crate) async fn run(self) {
        while self.round().await.is_ok() {
            let wait = tokio::time::sleep(ROUND);
            if self.stop.run_until_cancelled(wait).await.is_none() {
                return;
            }
        }
    }

    /// One round, tried until it succeeds. What another process has done already is left alone.
    async fn round(&self) -> Result<(), Interrupted> {
        let mut patience = Patience::new(&self.record, &self.stop);
        while let Err(error) = self.look_after(OffsetDateTime::now_utc()).await {
            patience.wait(&error).await?;
        }
        patience.rewarded();
        Ok(())
    }

    async fn look_after(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        self.store
            .ensure_partitions(now.date(), self.days_ahead)
            .await?;
        // The day that the retention reaches into is kept whole.
        let oldest = (now - self.retention).date();
        let dropped = self.store.drop_partitions_before(oldest).await?;
        if !dropped.is_empty() {
            tracing::info!(%oldest, days = dropped.len(), "days dropped, their retention is over");
        }
        let forgotten = self.store.forget_idempotency_keys(now).await?;
        if forgotten > 0 {
            tracing::info!(
                forgotten,
                "idempotency keys forgotten, their window is over"
            );
        }
        self.store.forget_operational(now).await?;
        self.store.forget_breakers(now - BREAKERS_KEPT).await?;
        Ok(())
    }
}
