//! From a draft to an event on the broker's disk: the same for every way in.

use std::time::Duration;

use domain::event::Event;
use domain::fairness::Class;
use domain::id::{EventId, TenantId};
use service::Shares;
use store::{AccessDirectory, Live, StoreError};
use time::OffsetDateTime;

use crate::batcher::{Batcher, NotAccepted};
use crate::check::{self, Draft, Publisher, Reason, Refusal, check, fresh_ids};
use crate::keys::{Acceptance, Keys};
use crate::metrics::{Metrics, Way};
use crate::schemas::Schemas;

/// Accepts drafts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Acceptor {
    pub(crate) access: Live<AccessDirectory>,
    pub(crate) batcher: Batcher,
    pub(crate) keys: Keys,
    pub(crate) shares: Shares,
    pub(crate) schemas: Schemas,
    pub(crate) metrics: Metrics,
}

/// Why a draft was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptError {
    /// It is wrong, and will be wrong again.
    #[error(transparent)]
    Refused(#[from] Refusal),
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
        let event = self.judge(draft, publisher).await?;
        let class = self.class(&event);
        self.publish(&event, way, class).await?;
        Ok(event.id)
    }

    /// Whether all is loaded that events are judged by.
    pub(crate) fn is_loaded(&self) -> bool {
        self.access.is_loaded() && self.schemas.is_loaded()
    }

    /// Waits until all is loaded that events are judged by; cancel safe.
    pub(crate) async fn loaded(&self) -> Result<(), StoreError> {
        self.access.loaded(Duration::MAX).await?;
        self.schemas.loaded().await
    }

    /// Makes an event of a draft. It is a new one each time, unless its publisher gave it a key.
    pub(crate) async fn judge(&self, draft: Draft, publisher: Publisher) -> Result<Event, Refusal> {
        let form = draft.form;
        let judged = async {
            let tenant = self.tenant(&draft, publisher).await?;
            let event = check(draft, tenant, fresh_ids(), OffsetDateTime::now_utc())?;
            match self.keys.check(&event)? {
                Acceptance::First => self.schemas.check(event).await,
                Acceptance::Repeat => Ok(event),
            }
        };
        judged.await.map_err(|refusal: Refusal| Refusal {
            pointer: form.pointer(refusal.pointer),
            ..refusal
        })
    }

    /// The lane that a new event goes by; it counts towards its tenant's share.
    pub(crate) fn class(&self, event: &Event) -> Class {
        self.shares.judge(event.tenant, 1)
    }

    /// Publishes an event; returns when the broker has it. The same event may be published again:
    /// fan-out knows it by its ids.
    pub(crate) async fn publish(
        &self,
        event: &Event,
        way: Way,
        class: Class,
    ) -> Result<(), NotAccepted> {
        let published = self.batcher.publish(event, way, class).await;
        if let Err(error) = published {
            self.metrics.not_accepted(way, error);
            return Err(error);
        }
        self.keys.remember(event);
        self.metrics.accepted(way, class);
        Ok(())
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
