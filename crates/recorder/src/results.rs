//! What the dispatchers tell, on its way into the record.
//!
//! A message's type says what its items are. Each kind has a place in the [`Intake`], and a file
//! here that records it.

use std::sync::Arc;

use broker::{Publisher, Received, ack_all};
use futures::future::try_join_all;
use service::Latch;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::interrupted::Interrupted;
use crate::metrics::{Metrics, whole};

use intake::Intake;

mod breakers;
mod intake;
mod reports;
mod watermarks;

/// Writes what the dispatchers tell into the record.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    /// Says whether the record answers.
    pub(crate) record: Arc<Latch>,
    /// Cancelled when the record is no longer waited for.
    pub(crate) stop: CancellationToken,
    /// Cancelled when nothing is waited for.
    pub(crate) abort: CancellationToken,
    pub(crate) metrics: Metrics,
}

impl Results {
    /// Records what is in these messages, then acknowledges them.
    pub(crate) async fn handle(&self, received: Vec<Received>) -> Result<(), Interrupted> {
        let mut intake = Intake::default();
        for one in received {
            intake.take(one);
        }
        let Intake {
            reports,
            watermarks,
            breakers,
            mut parked,
            ackers,
            hops,
        } = intake;
        parked.extend(self.record_reports(reports).await?);
        // Only then: they stand for everything that was reported before them.
        self.record_watermarks(&watermarks).await?;
        self.record_breakers(&breakers).await?;
        self.metrics.parked.add(whole(parked.len()), &[]);
        let confirmed = parked
            .into_iter()
            .map(|letter| self.publisher.publish_until_confirmed(letter, &self.abort));
        try_join_all(confirmed).await?;
        ack_all(ackers).await;
        // They last until the commit and the acknowledgement.
        drop(hops);
        Ok(())
    }
}
