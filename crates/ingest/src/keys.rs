//! What is known here of the keys that publishers gave.
//!
//! A cache and no more: another ingest, or this one restarted, knows nothing of it. Fan-out asks
//! the record and never delivers a key twice; here a publisher is told at once where that is
//! possible.

use domain::event::{Event, Identity};
use domain::id::EventId;
use domain::limits;
use moka::sync::Cache;

use crate::check::{Reason, Refusal};

/// The most keys that are remembered.
const KEYS: u64 = 100_000;

/// Whether an event was accepted before, as far as is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acceptance {
    /// Not here.
    First,
    /// The same event was, and is answered as it was then.
    Repeat,
}

/// The fingerprints of keyed events that were accepted here.
#[derive(Debug, Clone)]
pub(crate) struct Keys(Cache<EventId, [u8; 32]>);

impl Keys {
    /// None yet.
    pub(crate) fn new() -> Self {
        let cache = Cache::builder()
            .max_capacity(KEYS)
            .time_to_live(limits::IDEMPOTENCY_WINDOW);
        Self(cache.build())
    }

    /// Refuses an event whose key was accepted here with another type or payload.
    pub(crate) fn check(&self, event: &Event) -> Result<Acceptance, Refusal> {
        let Identity::Keyed { fingerprint } = event.identity else {
            return Ok(Acceptance::First);
        };
        match self.0.get(&event.id) {
            Some(known) if known != fingerprint => {
                let detail =
                    "this id was accepted with another type or payload: give each event its own";
                Err(Refusal::new(Reason::Conflict, "#/id", detail))
            }
            Some(_) => Ok(Acceptance::Repeat),
            None => Ok(Acceptance::First),
        }
    }

    /// Remembers an event that was accepted.
    pub(crate) fn remember(&self, event: &Event) {
        if let Identity::Keyed { fingerprint } = event.identity {
            self.0.insert(event.id, fingerprint);
        }
    }
}
