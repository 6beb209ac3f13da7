//! Readiness: every part that must work holds a latch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The latches of one process. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<String, Readiness>>>,
}

/// Whether a part of the process works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet, or not now.
    NotReady,
    /// It does.
    Ready,
}

/// One part's say. Dropped, the part no longer counts: it has ended in order.
#[derive(Debug)]
pub struct Latch {
    name: String,
    health: Health,
}

impl Health {
    /// A process without parts, which is ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a part, not ready yet. A name used twice counts once.
    #[must_use]
    pub fn latch(&self, name: &str) -> Latch {
        let latch = Latch {
            name: name.to_owned(),
            health: self.clone(),
        };
        latch.set(Readiness::NotReady);
        latch
    }

    /// Every part and whether it works, by name.
    #[must_use]
    pub fn parts(&self) -> Vec<(String, Readiness)> {
        self.locked()
            .iter()
            .map(|(name, readiness)| (name.clone(), *readiness))
            .collect()
    }

    /// Whether every part works.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let all = self.locked().values().all(|part| *part == Readiness::Ready);
        if all {
            Readiness::Ready
        } else {
            Readiness::NotReady
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Readiness>> {
        // Each write is one insertion or removal, so a panic elsewhere can't leave it half done.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latch {
    /// Says whether the part works now.
    pub fn set(&self, readiness: Readiness) {
        self.health.locked().insert(self.name.clone(), readiness);
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.health.locked().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_part_is() {
        let health = Health::new();
        let broker = health.latch("broker");
        let store = health.latch("store");
        broker.set(Readiness::Ready);
        assert_eq!(health.readiness(), Readiness::NotReady);
        store.set(Readiness::Ready);
        assert_eq!(health.readiness(), Readiness::Ready);
        store.set(Readiness::NotReady);
        drop(store);
        assert_eq!(health.readiness(), Readiness::Ready);
    }
}
