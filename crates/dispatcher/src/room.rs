//! How many attempts are made at once, over all endpoints.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::lane::Lane;

/// Places for attempts. A lane may take three quarters of them, so that neither the fresh lane nor
/// the retries can starve the other.
pub(crate) struct Room {
    all: Arc<Semaphore>,
    fresh: Arc<Semaphore>,
    retry: Arc<Semaphore>,
}

/// A place for one attempt, free again when dropped.
pub(crate) struct Seat {
    _of_lane: Option<OwnedSemaphorePermit>,
    _of_all: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new(seats: usize) -> Self {
        let all = seats.clamp(1, Semaphore::MAX_PERMITS);
        let of_lane = (all - all / 4).max(1);
        Self {
            all: Arc::new(Semaphore::new(all)),
            fresh: Arc::new(Semaphore::new(of_lane)),
            retry: Arc::new(Semaphore::new(of_lane)),
        }
    }

    /// Waits for a place; first come, first served.
    pub(crate) async fn seat(&self, lane: Lane) -> Seat {
        // The lane's place first: who waits for it keeps nobody of the other lane waiting.
        let of_lane = match lane {
            Lane::Fresh => Some(acquire(&self.fresh).await),
            Lane::Retry => Some(acquire(&self.retry).await),
            Lane::Quarantine => None,
        };
        Seat {
            _of_lane: of_lane,
            _of_all: acquire(&self.all).await,
        }
    }
}

async fn acquire(seats: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(seats)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed")
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn no_lane_starves_the_other() {
        let room = Room::new(8);
        let mut seats = Vec::new();
        while let Some(seat) = room.seat(Lane::Fresh).now_or_never() {
            seats.push(seat);
        }
        assert_eq!(seats.len(), 6);
        let retry = room.seat(Lane::Retry).now_or_never();
        assert!(retry.is_some());
        assert!(room.seat(Lane::Quarantine).now_or_never().is_some());
    }
}
