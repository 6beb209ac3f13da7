//! Room in memory: how much of what publishers send is held at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What room is counted in, in bytes: the least that anything takes, with what is held beside it.
const UNIT_BYTES: usize = 4 * 1024;

/// So many bytes, which several share. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

/// A part of a room, free again when it is dropped.
#[derive(Debug)]
#[must_use = "the room is free again when this is dropped"]
pub(crate) struct Place(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT_BYTES)))
    }

    /// A place for so many bytes; none when there is no room for them now.
    pub(crate) fn take(&self, bytes: usize) -> Option<Place> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).ok()?;
        Arc::clone(&self.0)
            .try_acquire_many_owned(units)
            .ok()
            .map(Place)
    }
}

/// The most places that a room of so many bytes has.
pub(crate) const fn most_places(bytes: usize) -> usize {
    bytes / UNIT_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_and_given_back() {
        let room = Room::new(3 * UNIT_BYTES);
        let large = room.take(UNIT_BYTES + 1).unwrap();
        let small = room.take(0).unwrap();
        assert!(room.take(1).is_none());
        drop(small);
        assert!(room.take(UNIT_BYTES + 1).is_none());
        drop(large);
        assert!(room.take(2 * UNIT_BYTES).is_some());
        assert!(room.take(usize::MAX).is_none());
        assert_eq!(most_places(3 * UNIT_BYTES), 3);
    }
}
