//! What a replay selects, step by step: the record finds, and the subscription of an endpoint says
//! what it missed.

use std::time::Duration;

use domain::id::{DeadLetterId, DeliveryId, EndpointId, EventId, TenantId};
use domain::replay::Selector;
use domain::selection::{Filtering, Judgement, Selection as Subscribed};
use futures::stream::{self, StreamExt, TryStreamExt};
use store::replays::NewReplay;
use store::replays::select::{Candidate, Reach, Step, Unsent};
use store::{Cursor, Store, StoreError};
use time::{Date, OffsetDateTime};
use tokio::time::Instant;
use uuid::Uuid;

use crate::judging::{self, Recorded};

/// How long a count may take before it says what it has.
const COUNTING: Duration = Duration::from_secs(3);

/// How many are counted at a time.
const COUNTED_AT_ONCE: u16 = 2_000;

/// What a replay selects.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    store: Store,
    tenant: TenantId,
    selector: Selector,
    until: OffsetDateTime,
}

/// A delivery that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// What it repeats; none for an event that was never on its way to the endpoint.
    pub(super) original: Option<DeliveryId>,
    pub(super) event: EventId,
    pub(super) day: Date,
    pub(super) endpoint: EndpointId,
    pub(super) letter: Option<DeadLetterId>,
}

/// How many a replay would make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// So many.
    All(u64),
    /// So many at least: there was no time for more.
    AtLeast(u64),
}

impl Selection {
    pub(crate) fn of(store: &Store, replay: &NewReplay) -> Self {
        Self {
            store: store.clone(),
            tenant: replay.tenant,
            selector: replay.selector.clone(),
            until: replay.until,
        }
    }

    /// Counts what is selected from this instant on.
    pub(crate) async fn count(&self, since: OffsetDateTime) -> Result<Count, StoreError> {
        let deadline = Instant::now() + COUNTING;
        let mut after = Cursor {
            at: since,
            id: Uuid::nil(),
        };
        let mut count = 0;
        loop {
            let Step { found, next } = self.step(after, COUNTED_AT_ONCE).await?;
            count += u64::try_from(found.len()).unwrap_or(u64::MAX);
            match next {
                None => return Ok(Count::All(count)),
                Some(_) if Instant::now() > deadline => return Ok(Count::AtLeast(count)),
                Some(next) => after = next,
            }
        }
    }

    /// Where the selection is at its end.
    pub(super) const fn end(&self) -> Cursor {
        Cursor {
            at: self.until,
            id: Uuid::max(),
        }
    }

    /// The next deliveries behind a place, `most` at most.
    pub(super) async fn step(&self, after: Cursor, most: u16) -> Result<Step<Wanted>, StoreError> {
        let (store, tenant) = (&self.store, self.tenant);
        let reach = Reach {
            after,
            until: self.until,
            most,
        };
        let found = match &self.selector {
            Selector::Named(deliveries) => store.replay_named(tenant, deliveries, reach).await?,
            Selector::Everything(endpoint) => {
                store.replay_everything(tenant, *endpoint, reach).await?
            }
            Selector::Failed(failed) => store.replay_failed(tenant, failed, reach).await?,
            Selector::Missed(endpoint) => return self.missed(*endpoint, reach).await,
        };
        Ok(Step {
            found: found.found.into_iter().map(Wanted::from).collect(),
            next: found.next,
        })
    }

    /// The subscription counts as it is now: what it was when the event came is not on record.
    async fn missed(&self, endpoint: EndpointId, reach: Reach) -> Result<Step<Wanted>, StoreError> {
        let settings = match self.store.endpoint(self.tenant, endpoint).await {
            Ok(found) => found.settings,
            // An endpoint that was deleted misses nothing.
            Err(StoreError::NotFound) => {
                return Ok(Step {
                    found: Vec::new(),
                    next: None,
                });
            }
            Err(error) => return Err(error),
        };
        let subscribed = Subscribed {
            event_types: settings.event_types,
            channels: settings.channels,
            filter: Filtering::from_record(settings.filter.as_deref()),
        };
        let unsent = self
            .store
            .replay_unsent(self.tenant, endpoint, reach)
            .await?;
        let judged = unsent
            .found
            .into_iter()
            .map(|one| self.wanted(&subscribed, endpoint, one));
        let wanted: Vec<Option<Wanted>> = stream::iter(judged)
            .buffered(judging::AT_ONCE)
            .try_collect()
            .await?;
        Ok(Step {
            found: wanted.into_iter().flatten().collect(),
            next: unsent.next,
        })
    }

    /// The delivery of an event that was never on its way to the endpoint, if it selects it.
    async fn wanted(
        &self,
        subscribed: &Subscribed,
        endpoint: EndpointId,
        unsent: Unsent,
    ) -> Result<Option<Wanted>, StoreError> {
        let recorded = Recorded {
            event: unsent.event,
            day: unsent.day,
            event_type: &unsent.event_type,
            channels: &unsent.channels,
        };
        let judgement = judging::judge(&self.store, subscribed, recorded).await?;
        let is_selected = judgement == Some(Judgement::Selected);
        Ok(is_selected.then_some(Wanted {
            original: None,
            event: unsent.event,
            day: unsent.day,
            endpoint,
            letter: None,
        }))
    }
}

impl From<Candidate> for Wanted {
    fn from(candidate: Candidate) -> Self {
        Self {
            original: Some(candidate.original),
            event: candidate.event,
            day: candidate.day,
            endpoint: candidate.endpoint,
            letter: candidate.letter,
        }
    }
}
