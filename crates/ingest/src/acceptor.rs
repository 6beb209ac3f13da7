//! From a draft to an event on the broker's disk: the same for every way in.

use std::sync::Arc;

use domain::id::EventId;
use store::{AccessDirectory, Live};
use time::OffsetDateTime;

use crate::batcher::{Batcher, NotAccepted};
use crate::check::{Draft, Publisher, Refusal, check, fresh_ids};
use crate::keys::Keys;
use crate::metrics::{Metrics, Way};

/// Accepts drafts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Acceptor {
    pub(crate) access: Live<AccessDirectory>,
    pub(crate) batcher: Batcher,
    pub(crate) keys: Keys,
    pub(crate) metrics: Metrics,
}

/// Why a draft was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptError {
    /// It is wrong, and will be wrong again.
    #[error("{0}")]
    Refused(Refusal),
    /// It may be tried again.
    #[error(transparent)]
    NotAccepted(#[from] NotAccepted),
}

impl Acceptor {
    /// The directory as it is now.
    pub(crate) fn directory(&self) -> Arc<AccessDirectory> {
        self.access.current()
    }

    /// Judges a draft and publishes its event; returns when the broker has it.
    pub(crate) async fn accept(
        &self,
        draft: Draft,
        publisher: Publisher,
        way: Way,
    ) -> Result<EventId, AcceptError> {
        let now = OffsetDateTime::now_utc();
        let checked = check(draft, publisher, &self.directory(), fresh_ids(), now);
        let checked = checked.and_then(|event| self.keys.check(&event).map(|()| event));
        let event = checked.map_err(|refusal| {
            self.metrics.refused(way, refusal.reason);
            AcceptError::Refused(refusal)
        })?;
        self.batcher.publish(&event).await?;
        self.keys.remember(&event);
        self.metrics.accepted(way);
        Ok(event.id)
    }
}
