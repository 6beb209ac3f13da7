//! From a draft to an event on the broker's disk: the same for every way in.

use domain::id::{EventId, TenantId};
use store::{AccessDirectory, Live};
use time::OffsetDateTime;

use crate::batcher::{Batcher, NotAccepted};
use crate::check::{self, Draft, Publisher, Reason, Refusal, check, fresh_ids};
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
    /// Judges a draft and publishes its event; returns when the broker has it.
    pub(crate) async fn accept(
        &self,
        draft: Draft,
        publisher: Publisher,
        way: Way,
    ) -> Result<EventId, AcceptError> {
        let now = OffsetDateTime::now_utc();
        let tenant = self.tenant(&draft, publisher).await;
        let checked = tenant
            .and_then(|tenant| check(draft, tenant, fresh_ids(), now))
            .and_then(|event| self.keys.check(&event).map(|()| event));
        let event = checked.map_err(|refusal| {
            self.metrics.refused(way, refusal.reason);
            AcceptError::Refused(refusal)
        })?;
        self.batcher.publish(&event).await?;
        self.keys.remember(&event);
        self.metrics.accepted(way);
        Ok(event.id)
    }

    /// The draft's tenant; one that is not known may have been made just now.
    async fn tenant(&self, draft: &Draft, publisher: Publisher) -> Result<TenantId, Refusal> {
        let named = draft.tenant.as_deref();
        match check::tenant(named, publisher, &self.access.current()) {
            Err(refusal) if refusal.reason == Reason::UnknownTenant => {
                let latest = self.access.latest().await;
                check::tenant(named, publisher, &latest)
            }
            known => known,
        }
    }
}
