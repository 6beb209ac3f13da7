//! What the record is told of circuit breakers: where each stands that has changed.
//!
//! **Invariant:** no delivery waits for this. What changes again before it was told is told once,
//! as it stands then; so it is bounded by the gates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker::topology::Route;
use broker::{Outgoing, Publisher};
use bytes::Bytes;
use domain::breaker::{BreakerNotice, BreakerStanding, BreakerState};
use domain::id::{DispatcherId, EndpointId};
use domain::limits;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::{CONTENT_TYPE, MessageType, batch};

use crate::gate::breaker;

/// What is to be told.
pub(crate) struct Notices {
    dispatcher: DispatcherId,
    untold: Mutex<HashMap<EndpointId, BreakerStanding>>,
    news: Notify,
}

impl Notices {
    pub(crate) fn new(dispatcher: DispatcherId) -> Arc<Self> {
        Arc::new(Self {
            dispatcher,
            untold: Mutex::new(HashMap::new()),
            news: Notify::new(),
        })
    }

    /// An endpoint's breaker has changed to this state, just now.
    pub(crate) fn tell(&self, endpoint: EndpointId, state: breaker::State, now: Instant) {
        let standing = standing(state, now, OffsetDateTime::now_utc());
        self.untold().insert(endpoint, standing);
        self.news.notify_one();
    }

    /// Tells the record, until `done` is cancelled and all is told, or `abort` is.
    pub(crate) async fn publish(
        self: Arc<Self>,
        publisher: Publisher,
        done: CancellationToken,
        abort: CancellationToken,
    ) {
        loop {
            let more = done.run_until_cancelled(self.news.notified()).await;
            let notices = self.take();
            for items in notices.chunks(limits::ITEMS_PER_MESSAGE) {
                let kind = MessageType::Breakers.as_str();
                let body = batch::join(items.to_vec());
                let message = Outgoing::new(Route::results(), body, kind, CONTENT_TYPE);
                if publisher
                    .publish_until_confirmed(message, &abort)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            if more.is_none() {
                return;
            }
        }
    }

    fn take(&self) -> Vec<Bytes> {
        let untold = std::mem::take(&mut *self.untold());
        let encoded = untold.into_iter().map(|(endpoint, standing)| {
            wire::breaker::encode(&BreakerNotice {
                endpoint,
                dispatcher: self.dispatcher,
                standing,
            })
        });
        encoded.collect()
    }

    /// Every change under the lock is one insertion, or the taking of all.
    fn untold(&self) -> MutexGuard<'_, HashMap<EndpointId, BreakerStanding>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state by the clock on the wall, which the record and the other dispatchers share.
fn standing(state: breaker::State, now: Instant, wall: OffsetDateTime) -> BreakerStanding {
    let past = |at: Instant| wall - now.saturating_duration_since(at);
    match state {
        breaker::State::Closed(since) => BreakerStanding {
            state: BreakerState::Closed,
            since: since.map_or(wall, past),
        },
        breaker::State::HalfOpen(since) => BreakerStanding {
            state: BreakerState::HalfOpen,
            since: past(since),
        },
        breaker::State::Open { since, until } => BreakerStanding {
            state: BreakerState::Open {
                retry_at: wall + until.saturating_duration_since(now),
            },
            since: past(since),
        },
    }
}
