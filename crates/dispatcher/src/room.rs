//! How many attempts are made at once, over all endpoints.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::lane::Lane;

/// Places for attempts. The fresh lane may take three quarters of them, and so may the others
/// together, so that neither can starve the other; the bulk lane takes half of them at most, so
/// that it can't starve the retries.
///
/// An attempt that takes long moves to a place of its own kind: endpoints that hang would soon sit
/// on all the others, while all they need is a connection and a little memory.
pub(crate) struct Room {
    all: Arc<Semaphore>,
    fresh: Arc<Semaphore>,
    /// All but the fresh lane.
    later: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// How many attempts that take long there is room for, for each other attempt.
const LONG_SHARE: usize = 4;

/// A place for one attempt, free again when dropped.
pub(crate) struct Seat {
    long: Arc<Semaphore>,
    held: Held,
}

/// What is free again when a seat is dropped.
#[expect(dead_code, reason = "permits are held, and never looked at")]
enum Held {
    Short {
        of_lane: [Option<OwnedSemaphorePermit>; 2],
        of_all: OwnedSemaphorePermit,
    },
    Long(OwnedSemaphorePermit),
}

impl Room {
    pub(crate) fn new(seats: usize) -> Self {
        let all = seats.clamp(1, Semaphore::MAX_PERMITS / LONG_SHARE);
        let of_lane = (all - all / 4).max(1);
        Self {
            all: Arc::new(Semaphore::new(all)),
            fresh: Arc::new(Semaphore::new(of_lane)),
            later: Arc::new(Semaphore::new(of_lane)),
            bulk: Arc::new(Semaphore::new((all / 2).max(1))),
            long: Arc::new(Semaphore::new(all * LONG_SHARE)),
        }
    }

    /// Waits for a place; first come, first served.
    pub(crate) async fn seat(&self, lane: Lane) -> Seat {
        // The lane's place first: who waits for it keeps nobody of the other lane waiting.
        let of_lane = match lane {
            Lane::Fresh => [Some(acquire(&self.fresh).await), None],
            Lane::Retry => [Some(acquire(&self.later).await), None],
            Lane::Bulk => {
                let bulk = acquire(&self.bulk).await;
                [Some(bulk), Some(acquire(&self.later).await)]
            }
            Lane::Quarantine => [None, None],
        };
        Seat {
            long: Arc::clone(&self.long),
            held: Held::Short {
                of_lane,
                of_all: acquire(&self.all).await,
            },
        }
    }
}

impl Seat {
    /// The attempt takes long: frees its place for another, if there is one among those that take
    /// long.
    pub(crate) fn takes_long(&mut self) {
        if let Ok(long) = Arc::clone(&self.long).try_acquire_owned() {
            self.held = Held::Long(long);
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

    #[test]
    fn bulk_leaves_room_for_retries_and_both_for_the_fresh_lane() {
        let room = Room::new(8);
        let mut seats = Vec::new();
        while let Some(seat) = room.seat(Lane::Bulk).now_or_never() {
            seats.push(seat);
        }
        assert_eq!(seats.len(), 4);
        while let Some(seat) = room.seat(Lane::Retry).now_or_never() {
            seats.push(seat);
        }
        assert_eq!(seats.len(), 6);
        assert!(room.seat(Lane::Fresh).now_or_never().is_some());
    }

    #[test]
    fn what_takes_long_makes_room_up_to_a_bound() {
        let room = Room::new(4);
        let mut seats = Vec::new();
        while let Some(mut seat) = room.seat(Lane::Fresh).now_or_never() {
            seat.takes_long();
            seats.push(seat);
        }
        assert_eq!(seats.len(), 4 * LONG_SHARE + 3);
        seats.clear();
        assert!(room.seat(Lane::Fresh).now_or_never().is_some());
    }
}
