//! Readiness: every part that must work holds a latch.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry::{KeyValue, global};
use tokio::sync::watch;

/// The latches of one process. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<watch::Sender<Parts>>,
}

type Parts = BTreeMap<String, Readiness>;

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
    /// A process without parts, which is not ready: it has yet to begin, or has ended.
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
        let parts = self.parts.borrow();
        parts
            .iter()
            .map(|(name, readiness)| (name.clone(), *readiness))
            .collect()
    }

    /// Whether there are parts and every one of them works.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        all(&self.parts.borrow())
    }

    /// Shows every part as a metric, for as long as the process runs.
    pub(crate) fn show(&self) {
        let health = self.clone();
        // The meter keeps the callback.
        let _ = global::meter("posthaste")
            .u64_observable_gauge("posthaste.ready")
            .with_description("Whether a part of the process works: 1, or else 0.")
            .with_callback(move |parts| {
                for (part, readiness) in health.parts() {
                    let works = u64::from(readiness == Readiness::Ready);
                    parts.observe(works, &[KeyValue::new("part", part)]);
                }
            })
            .build();
    }

    /// Returns when there are parts and every one of them works. Cancel safe.
    pub async fn ready(&self) {
        let mut parts = self.parts.subscribe();
        let ready = |parts: &Parts| all(parts) == Readiness::Ready;
        // The sender lives as long as `self`: the wait ends well or not at all.
        let _ready = parts.wait_for(ready).await;
    }
}

fn all(parts: &Parts) -> Readiness {
    if !parts.is_empty() && parts.values().all(|part| *part == Readiness::Ready) {
        Readiness::Ready
    } else {
        Readiness::NotReady
    }
}

impl Latch {
    /// Says whether the part works now.
    pub fn set(&self, readiness: Readiness) {
        self.health.parts.send_if_modified(|parts| {
            parts.insert(self.name.clone(), readiness) != Some(readiness)
        });
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.health.parts.send_modify(|parts| {
            parts.remove(&self.name);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_part_is() {
        let health = Health::new();
        assert_eq!(health.readiness(), Readiness::NotReady);
        let broker = health.latch("broker");
        let store = health.latch("store");
        broker.set(Readiness::Ready);
        assert_eq!(health.readiness(), Readiness::NotReady);
        store.set(Readiness::Ready);
        assert_eq!(health.readiness(), Readiness::Ready);
        store.set(Readiness::NotReady);
        drop(store);
        assert_eq!(health.readiness(), Readiness::Ready);
        drop(broker);
        assert_eq!(health.readiness(), Readiness::NotReady);
    }

    #[tokio::test]
    async fn readiness_can_be_waited_for() {
        let health = Health::new();
        let latch = health.latch("broker");
        let waiting = tokio::spawn({
            let health = health.clone();
            async move { health.ready().await }
        });
        latch.set(Readiness::Ready);
        waiting.await.unwrap();
    }
}
