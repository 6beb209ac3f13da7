//! The watch: judges endpoints by what the record knows of their attempts.

use std::error::Error;
use std::time::Duration;

use domain::health::{DisableRule, FailingRule};
use store::{Store, StoreError};
use time::OffsetDateTime;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often endpoints are judged.
const ROUND: Duration = Duration::from_secs(1);
/// How many are judged in one transaction; the others in the next round.
const TOGETHER: u16 = 500;

/// Tells which endpoints are failing or have recovered, and disables those that have failed for too
/// long. Several recorders may watch at once.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) store: Store,
    pub(crate) failing: FailingRule,
    pub(crate) disable: DisableRule,
    pub(crate) stop: CancellationToken,
}

impl Watch {
    /// A round every second, until told to stop. What fails is tried again in the next one.
    pub(crate) async fn run(self) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.stop.run_until_cancelled(rounds.tick()).await.is_some() {
            if let Err(error) = self.judge(OffsetDateTime::now_utc()).await {
                let error = &error as &dyn Error;
                tracing::debug!(error, "endpoints could not be judged");
            }
        }
    }

    async fn judge(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        let failing = self.store.tell_failing(self.failing, TOGETHER).await?;
        let recovered = self.store.tell_recovered(TOGETHER).await?;
        let disabled = self
            .store
            .disable_failing(self.disable, now, TOGETHER)
            .await?;
        if failing + recovered + disabled > 0 {
            tracing::info!(failing, recovered, disabled, "endpoints were judged");
        }
        Ok(())
    }
}
