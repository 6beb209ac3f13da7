//! Trying again until something answers: what is held meanwhile is held until it does.

use std::error::Error;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::health::{Latch, Readiness};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Told to stop while waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// The waits of one thing that is tried again: from 100 ms, each twice the one before, to 5 s.
#[derive(Debug)]
pub struct Patience<'a> {
    next: Duration,
    latch: &'a Latch,
    stop: &'a CancellationToken,
}

impl<'a> Patience<'a> {
    /// Says at `latch` whether what is waited for answers.
    #[must_use]
    pub const fn new(latch: &'a Latch, stop: &'a CancellationToken) -> Self {
        Self {
            next: FIRST,
            latch,
            stop,
        }
    }

    /// Waits because of `error`, until it is time to try again.
    ///
    /// # Errors
    /// When told to stop first.
    pub async fn wait(&mut self, error: &(impl Error + Sync + 'static)) -> Result<(), Stopped> {
        let wait_ms = self.next.as_millis();
        tracing::warn!(
            error = error as &dyn Error,
            wait_ms,
            "no answer, trying again"
        );
        self.latch.set(Readiness::NotReady);
        let wait = tokio::time::sleep(self.next);
        self.next = (self.next * 2).min(LONGEST);
        self.stop.run_until_cancelled(wait).await.ok_or(Stopped)
    }

    /// There was an answer.
    pub fn rewarded(self) {
        self.latch.set(Readiness::Ready);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::health::Health;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_to_a_bound_and_end_with_the_stop() {
        let (health, stop) = (Health::new(), CancellationToken::new());
        let latch = health.latch("record");
        let mut patience = Patience::new(&latch, &stop);
        let began = Instant::now();
        for _ in 0..10 {
            patience.wait(&std::fmt::Error).await.unwrap();
        }
        assert!(began.elapsed() < LONGEST * 10);
        assert_eq!(health.readiness(), Readiness::NotReady);
        stop.cancel();
        assert_eq!(patience.wait(&std::fmt::Error).await, Err(Stopped));
        patience.rewarded();
        assert_eq!(health.readiness(), Readiness::Ready);
    }
}
