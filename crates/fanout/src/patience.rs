//! Waiting for the record: what is held is held until it answers.

use std::error::Error;
use std::time::Duration;

use broker::Cancelled;
use service::{Latch, Readiness};
use store::StoreError;
use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// A batch can't be finished: fan-out is to stop, or the batch comes again anyway. It is
/// unacknowledged, so nothing of it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interrupted;

impl From<Cancelled> for Interrupted {
    fn from(Cancelled: Cancelled) -> Self {
        Self
    }
}

/// The waits of one thing that is tried again: from 100 ms, each twice the one before, to 5 s.
#[derive(Debug)]
pub(crate) struct Patience<'a> {
    next: Duration,
    latch: &'a Latch,
    stop: &'a CancellationToken,
}

impl<'a> Patience<'a> {
    /// Says at `latch` whether the record answers.
    pub(crate) const fn new(latch: &'a Latch, stop: &'a CancellationToken) -> Self {
        Self {
            next: FIRST,
            latch,
            stop,
        }
    }

    /// Waits because of `error`, until it is time to try again.
    pub(crate) async fn wait(&mut self, error: &StoreError) -> Result<(), Interrupted> {
        tracing::warn!(
            error = error as &dyn Error,
            wait_ms = self.next.as_millis(),
            "the record does not answer, trying again"
        );
        self.latch.set(Readiness::NotReady);
        let wait = tokio::time::sleep(self.next);
        self.next = (self.next * 2).min(LONGEST);
        self.stop.run_until_cancelled(wait).await.ok_or(Interrupted)
    }

    /// The record has answered.
    pub(crate) fn rewarded(self) {
        self.latch.set(Readiness::Ready);
    }
}
