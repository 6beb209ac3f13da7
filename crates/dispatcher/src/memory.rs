//! What is under way here, and what was just settled: so that a message which comes again makes no
//! second POST.
//!
//! Bounded: what is under way by the lanes' prefetch, what was settled by time and by number. What
//! is forgotten costs a duplicate at worst, which carries the same `webhook-id`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::attempt::AttemptNumber;
use domain::delivery::Due;
use domain::dispatch::Custody;
use domain::id::DeliveryId;
use tokio::sync::watch;

use crate::recent::Recent;

/// How long a settled attempt is remembered: longer than its handed-over copy takes to come back.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// How many settled attempts are remembered at least, when so many come in that time.
const REMEMBERED_ATTEMPTS: usize = 1 << 16;

type Key = (DeliveryId, AttemptNumber);

/// Which attempts are under way or were just settled.
pub(crate) struct Memory(Mutex<Attempts>);

struct Attempts {
    under_way: HashMap<Key, watch::Receiver<Phase>>,
    settled: Recent<Key>,
}

/// How far an attempt has come. When nobody sends any more, it was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    UnderWay,
    /// A marked copy of it is in the broker's hands.
    Copied,
    /// What follows it is confirmed.
    Settled,
}

/// What becomes of an attempt that arrived.
pub(crate) enum Entered {
    /// Nobody has it: it is the caller's.
    Begun(Flight),
    /// It is under way, and may be watched.
    UnderWay(Watch),
    /// It was just settled.
    Settled,
}

/// An attempt under way. Dropped without [`Flight::settle`], it was not made.
pub(crate) struct Flight {
    key: Key,
    phase: watch::Sender<Phase>,
    memory: Arc<Memory>,
}

/// Somebody else's attempt.
pub(crate) struct Watch(watch::Receiver<Phase>);

/// What came of an attempt that was watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is settled, or a copy of it is safe: whoever watched need do nothing.
    Safe,
    /// It was not made. Where it went to meanwhile, whoever watched may hold that very copy.
    NotMade,
}

impl Memory {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Attempts {
            under_way: HashMap::new(),
            settled: Recent::new(REMEMBERED_ATTEMPTS, REMEMBERED),
        })))
    }

    /// Begins an attempt, if nobody has.
    pub(crate) fn enter(self: &Arc<Self>, due: Due) -> Entered {
        let key = (due.delivery.id, due.attempt);
        let mut attempts = self.attempts();
        if let Some(phase) = attempts.under_way.get(&key) {
            return Entered::UnderWay(Watch(phase.clone()));
        }
        if attempts.settled.contains(&key) {
            return Entered::Settled;
        }
        let (phase, watched) = watch::channel(Phase::UnderWay);
        attempts.under_way.insert(key, watched);
        drop(attempts);
        Entered::Begun(Flight {
            key,
            phase,
            memory: Arc::clone(self),
        })
    }

    /// Every change under the lock is one insertion or removal: a panic leaves none half done.
    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// A marked copy of the attempt is in the broker's hands.
    pub(crate) fn copied(&self) {
        self.phase.send_replace(Phase::Copied);
    }

    /// What follows the attempt is confirmed: it will not be made again.
    pub(crate) fn settle(self) {
        // Before it is under way no more: whoever comes finds it in one of the two.
        self.memory.attempts().settled.insert(self.key);
        self.phase.send_replace(Phase::Settled);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.memory.attempts().under_way.remove(&self.key);
    }
}

impl Watch {
    /// Waits until there is no need to keep the message that brought the attempt again, or until
    /// it is to be worked on after all.
    ///
    /// A handed-over copy that comes back early is itself what keeps the attempt safe: it is kept
    /// until the attempt is settled.
    pub(crate) async fn end(mut self, custody: Custody) -> Seen {
        let safe = |phase: &Phase| match (phase, custody) {
            (Phase::Settled, _) | (Phase::Copied, Custody::Sole | Custody::Repeated) => true,
            (Phase::Copied, Custody::HandedOver) | (Phase::UnderWay, _) => false,
        };
        match self.0.wait_for(safe).await {
            Ok(_) => Seen::Safe,
            Err(_) => Seen::NotMade,
        }
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
