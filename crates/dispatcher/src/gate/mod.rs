//! The gate before each endpoint: how many requests at once, and the silence that a `Retry-After`
//! asked for.
//!
//! What a gate has learned is kept in memory: each dispatcher learns for itself, and an endpoint
//! that behaves as expected leaves nothing behind when its last request has ended.

mod cap;
mod state;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::id::EndpointId;
use domain::outcome::{Outcome, Pressure};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use cap::Round;
use state::{Comer, Ended, Entry, Gate};

/// How long a delivery may wait for its turn at an endpoint whose requests end sooner than that,
/// before it goes to the slow lane. Its message waits with it, so it is well under a batch's
/// patience.
const TURN: Duration = Duration::from_millis(250);

/// How long an endpoint that answered 410 is left alone: what else is due there finds it disabled
/// afterwards, and is held instead of lost.
const GONE: Duration = Duration::from_secs(10);

/// How often gates that have nothing left to say are forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// The gates of all endpoints. Bounded: by the attempts in flight, and by [`state::REMEMBERED`]
/// beyond them.
pub(crate) struct Gates {
    most: u32,
    gates: Mutex<Open>,
}

struct Open {
    by_endpoint: HashMap<EndpointId, Gate>,
    swept_at: Instant,
}

/// Why an endpoint isn't sent anything now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It asked to be left alone for so long.
    Paused(Duration),
    /// It has as many requests as it bears.
    Crowded,
}

/// The right to send an endpoint one request; its place is free again when this is dropped.
pub(crate) struct Pass {
    gates: Arc<Gates>,
    endpoint: EndpointId,
    round: Round,
    begun: Instant,
}

impl Gates {
    /// Gates that let no more than `most` requests through to one endpoint at once.
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self {
            most,
            gates: Mutex::new(Open {
                by_endpoint: HashMap::new(),
                swept_at: Instant::now(),
            }),
        })
    }

    /// Waits a moment for its turn, where there is a crowd and it moves.
    pub(crate) async fn enter(self: &Arc<Self>, endpoint: EndpointId) -> Result<Pass, Closed> {
        let deadline = Instant::now() + TURN;
        let mut place = None;
        loop {
            let comer = match place {
                None => Comer::New,
                Some(_) => Comer::Queued,
            };
            let place = match self.ask(endpoint, comer) {
                Entry::Admitted(round) => return Ok(self.pass(endpoint, round)),
                Entry::Paused(rest) => return Err(Closed::Paused(rest)),
                Entry::Crowded => return Err(Closed::Crowded),
                Entry::Queue(turns) => place.get_or_insert_with(|| self.place(endpoint, turns)),
            };
            if timeout_at(deadline, place.turns.notified()).await.is_err() {
                self.with(endpoint, Gate::stall);
                return Err(Closed::Crowded);
            }
        }
    }

    fn ask(&self, endpoint: EndpointId, comer: Comer) -> Entry {
        let now = Instant::now();
        let mut open = self.locked();
        open.sweep(now);
        let gate = open
            .by_endpoint
            .entry(endpoint)
            .or_insert_with(|| Gate::new(self.most));
        gate.enter(comer, now)
    }

    fn pass(self: &Arc<Self>, endpoint: EndpointId, round: Round) -> Pass {
        Pass {
            gates: Arc::clone(self),
            endpoint,
            round,
            begun: Instant::now(),
        }
    }

    fn place(self: &Arc<Self>, endpoint: EndpointId, turns: Arc<Notify>) -> Place {
        Place {
            gates: Arc::clone(self),
            endpoint,
            turns,
        }
    }

    /// Does something to a gate that is open, and closes it if nothing keeps it open.
    fn with(&self, endpoint: EndpointId, change: impl FnOnce(&mut Gate)) {
        let mut open = self.locked();
        if let Some(gate) = open.by_endpoint.get_mut(&endpoint) {
            change(gate);
            if gate.is_untouched() {
                open.by_endpoint.remove(&endpoint);
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, Open> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn sweep(&mut self, now: Instant) {
        let full = self.by_endpoint.len() >= state::REMEMBERED;
        if full || now.duration_since(self.swept_at) >= SWEEP {
            self.by_endpoint.retain(|_, gate| !gate.is_idle(now));
            self.swept_at = now;
        }
    }
}

impl Pass {
    /// The endpoint learns from what came of the request. `longest` is the most that its
    /// `Retry-After` can ask for.
    pub(crate) fn learn(&self, outcome: Outcome, longest: Duration) {
        let now = Instant::now();
        self.gates.with(self.endpoint, |gate| match outcome {
            Outcome::Delivered => gate.succeeded(now),
            Outcome::Gone => gate.pause(GONE, now),
            Outcome::Failed {
                retry_after,
                pressure,
            } => {
                if pressure == Pressure::Overloaded {
                    gate.overloaded(self.round, now);
                }
                if let Some(wait) = retry_after {
                    gate.pause(wait.min(longest), now);
                }
            }
        });
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let ended = if self.begun.elapsed() < TURN {
            Ended::Quickly
        } else {
            Ended::Slowly
        };
        self.gates.with(self.endpoint, |gate| gate.leave(ended));
    }
}

/// A place in the queue before a gate, which the gate has counted.
struct Place {
    gates: Arc<Gates>,
    endpoint: EndpointId,
    turns: Arc<Notify>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gates.with(self.endpoint, Gate::leave_queue);
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
