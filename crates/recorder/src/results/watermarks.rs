//! How far the lanes have come, into the record.

use std::error::Error;

use domain::loss::Watermark;
use service::patience::Patience;
use store::Remedy;

use super::Results;
use crate::interrupted::Interrupted;

impl Results {
    /// Records all. What the record refuses is let go: the next ones say more.
    pub(super) async fn record_watermarks(
        &self,
        watermarks: &[Watermark],
    ) -> Result<(), Interrupted> {
        let mut patience = Patience::new(&self.record, &self.stop);
        while let Err(error) = self.store.record_watermarks(watermarks).await {
            match error.remedy() {
                Remedy::Wait => patience.wait(&error).await?,
                Remedy::MakePartitions | Remedy::PutAside => {
                    let error = &error as &dyn Error;
                    tracing::error!(error, "the record refuses how far the lanes have come");
                    return Ok(());
                }
            }
        }
        patience.rewarded();
        Ok(())
    }
}
