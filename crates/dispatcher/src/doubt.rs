//! Deliveries that may have been made before by another dispatcher, which our own memory says
//! nothing of: the record is asked before anything is sent.
//!
//! **Invariant:** an attempt that the record has is followed by what stands confirmed, so a copy of
//! it may be let go. See [`Dispatcher::settle`](crate::dispatcher::Dispatcher::settle).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use broker::Delivered;
use domain::dispatch::{Custody, Dispatch};
use store::attempts::AttemptKey;
use store::{Store, StoreError};
use time::OffsetDateTime;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
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
const BEHIND: Duration = Duration::from_secs(5);
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The most messages of a lane that wait for the record at once. What a dispatcher had begun comes
/// again before what it had only fetched, and is in no more messages than these; were all of that
/// kept waiting, it would take all places of the lane.
pub(crate) const AT_ONCE: usize = 128;

/// What the record says of a message's deliveries that may have been made before. It is asked once
/// for all of them.
pub(crate) struct Doubt {
    asked: Vec<AttemptKey>,
    settled: OnceCell<HashSet<AttemptKey>>,
    /// Until the record has answered.
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Doubt {
    /// About these deliveries, which came in this message; none where each comes for the first time,
    /// or there is no place to wait in.
    pub(crate) fn about<'a>(
        message: &Delivered,
        dispatches: impl Iterator<Item = &'a Dispatch>,
        places: &Arc<Semaphore>,
    ) -> Option<Arc<Self>> {
        let is_repeated = message.may_be_repeated();
        let asked: Vec<_> = dispatches
            .filter(|one| is_repeated || one.custody == Custody::Repeated)
            .map(AttemptKey::of)
            .collect();
        if asked.is_empty() {
            return None;
        }
        let place = Arc::clone(places).try_acquire_owned().ok()?;
        Some(Arc::new(Self {
            asked,
            settled: OnceCell::new(),
            place: Mutex::new(Some(place)),
        }))
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
        let place = self.place.lock();
        let _place = place.unwrap_or_else(PoisonError::into_inner).take();
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

#[cfg(test)]
mod tests {
    use broker::Properties;
    use bytes::Bytes;
    use domain::attempt::{AttemptNumber, Trigger};
    use domain::delivery::{Delivery, Due};
    use domain::dispatch::{Content, Payload};
    use domain::id::{DeliveryId, EndpointId, EventId, TenantId};
    use domain::tier::Wait;
    use domain::trace::TraceContext;
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    fn message(redelivered: bool) -> Delivered {
        Delivered {
            body: Bytes::new(),
            properties: Properties::default(),
            exchange: String::new(),
            routing_key: String::new(),
            queue: "a lane".into(),
            redelivered,
            delivery_count: None,
            death: None,
        }
    }

    fn dispatch(custody: Custody) -> Dispatch {
        let at = datetime!(2026-11-23 10:00 UTC);
        let content = Content {
            event: EventId::from_uuid(Uuid::from_u128(1)),
            tenant: TenantId::from_uuid(Uuid::from_u128(2)),
            event_type: "shipment.created".parse().unwrap(),
            timestamp: at,
            accepted_at: at,
            payload: Payload::Stored,
            trace: TraceContext::default(),
        };
        Dispatch {
            content: Arc::new(content),
            due: Due {
                delivery: Delivery {
                    id: DeliveryId::from_uuid(Uuid::from_u128(3)),
                    endpoint: EndpointId::from_uuid(Uuid::from_u128(4)),
                    trigger: Trigger::Automatic,
                    replay_of: None,
                },
                attempt: AttemptNumber::FIRST,
            },
            wait: Wait::NONE,
            custody,
            overflows: 0,
            attempt_before: None,
        }
    }

    #[test]
    fn what_comes_for_the_first_time_is_not_doubted() {
        let places = Arc::new(Semaphore::new(9));
        let dispatches = [dispatch(Custody::Sole), dispatch(Custody::Repeated)];
        let asked = |redelivered, dispatches: &[Dispatch]| {
            let doubt = Doubt::about(&message(redelivered), dispatches.iter(), &places);
            doubt.map_or(0, |doubt| doubt.asked.len())
        };
        assert_eq!(asked(false, &dispatches[..1]), 0);
        assert_eq!(asked(false, &dispatches), 1);
        assert_eq!(asked(true, &dispatches), 2);
    }

    /// The rest of the lane goes on, at the price of duplicates.
    #[test]
    fn no_more_are_kept_waiting_than_there_are_places() {
        let places = Arc::new(Semaphore::new(2));
        let dispatches = [dispatch(Custody::Sole)];
        let about = || Doubt::about(&message(true), dispatches.iter(), &places);
        let (first, second) = (about(), about());
        assert!(first.is_some() && second.is_some() && about().is_none());
        drop(first);
        assert!(about().is_some());
    }
}
