//! Deliveries that may have been made before by another dispatcher, which our own memory says
//! nothing of: the record is asked before anything is sent.
//!
//! **Invariant:** an attempt that the record has is followed by what stands confirmed, so a copy of
//! it may be let go. See [`Dispatcher::settle`](crate::dispatcher::Dispatcher::settle).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use broker::Delivered;
use domain::dispatch::{Custody, Dispatch};
use store::attempts::AttemptKey;
use store::{Store, StoreError};
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout};

use crate::admission::RECORD_LIMIT;
use crate::attempt::jitter;

/// How long after such a message the record is asked: about what a dispatcher that lost the broker
/// takes to be back and report what it made meanwhile, and the recorder to write it down.
const SETTLING: Duration = Duration::from_millis(2_500);

/// Up to so much longer, since of two copies that came at once the later one shall find what the
/// earlier one made.
const SPREAD: Duration = Duration::from_secs(1);

/// How long a record that is behind is waited for, and how often it is asked meanwhile.
const BEHIND: Duration = Duration::from_secs(15);
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What the record says of a message's deliveries that may have been made before. It is asked once
/// for all of them.
pub(crate) struct Doubt {
    asked: Vec<AttemptKey>,
    settled: OnceCell<HashSet<AttemptKey>>,
}

impl Doubt {
    /// About these deliveries, which came in this message; none where each comes for the first time.
    pub(crate) fn about<'a>(
        message: &Delivered,
        dispatches: impl Iterator<Item = &'a Dispatch>,
    ) -> Option<Arc<Self>> {
        let is_repeated = message.may_be_repeated();
        let asked: Vec<_> = dispatches
            .filter(|one| is_repeated || one.custody == Custody::Repeated)
            .map(AttemptKey::of)
            .collect();
        let settled = OnceCell::new();
        (!asked.is_empty()).then(|| Arc::new(Self { asked, settled }))
    }

    /// Whether the record has the delivery's attempt. When it can't be asked the answer is no: a
    /// duplicate is better than a delivery that waits for the record.
    pub(crate) async fn was_settled(&self, record: &Store, dispatch: &Dispatch) -> bool {
        let key = AttemptKey::of(dispatch);
        if !self.asked.contains(&key) {
            return false;
        }
        let settled = self.settled.get_or_init(|| self.ask(record)).await;
        settled.contains(&key)
    }

    /// Asks when those who made them have had the time to say so, and again for as long as the
    /// record is behind with what it was told.
    async fn ask(&self, record: &Store) -> HashSet<AttemptKey> {
        let came = OffsetDateTime::now_utc();
        sleep(SETTLING + jitter().of(SPREAD)).await;
        let latest = Instant::now() + BEHIND;
        loop {
            let (settled, until) = match timeout(RECORD_LIMIT, self.look(record)).await {
                Ok(Ok(found)) => found,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the record can't say what was made before");
                    return HashSet::new();
                }
                Err(_) => return HashSet::new(),
            };
            let is_behind = until.is_some_and(|until| until < came);
            if settled.len() == self.asked.len() || !is_behind || Instant::now() >= latest {
                return settled;
            }
            sleep(ASK_AGAIN).await;
        }
    }

    /// What is settled, and up to when the record has what it was told.
    async fn look(
        &self,
        record: &Store,
    ) -> Result<(HashSet<AttemptKey>, Option<OffsetDateTime>), StoreError> {
        // First: whatever is recorded between the two is found.
        let until = record.recorded_until().await?;
        Ok((record.attempts_settled(&self.asked).await?, until))
    }
}
