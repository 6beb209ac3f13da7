//! How circuit breakers stand.

use domain::breaker::BreakerNotice;
use service::patience::Patience;
use store::Remedy;

use super::Results;
use crate::interrupted::Interrupted;

impl Results {
    /// Records how breakers stand. What the record refuses is left out: it is for people to look
    /// at, and the next change says more.
    pub(super) async fn record_breakers(
        &self,
        notices: &[BreakerNotice],
    ) -> Result<(), Interrupted> {
        if notices.is_empty() {
            return Ok(());
        }
        let mut patience = Patience::new(&self.record, &self.stop);
        while let Err(error) = self.store.record_breakers(notices).await {
            match error.remedy() {
                Remedy::Wait => patience.wait(&error).await?,
                Remedy::MakePartitions | Remedy::PutAside => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        notices = notices.len(),
                        "the record refuses how breakers stand"
                    );
                    return Ok(());
                }
            }
        }
        patience.rewarded();
        Ok(())
    }
}
