//! The gate before each endpoint: whether it may be sent a request now.
//!
//! Four things are asked, in this order: has it asked for silence (`Retry-After`); does its circuit
//! breaker let anything through; is its rate limit kept; and is there a place for one more, at the
//! endpoint, at its host and for its tenant.
//!
//! What a gate has learned is kept in memory: each dispatcher learns for itself, and an endpoint
//! that behaves as expected leaves nothing behind when its last request has ended. The record is
//! told of breakers alone.

pub(crate) mod breaker;
mod cap;
mod crowd;
mod line;
mod open;
mod pass;
mod rate;
mod state;
mod tally;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::endpoint::Endpoint;
use domain::id::EndpointId;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::metrics::Breakers;
use crate::notices::Notices;
use open::{Entry, Had, Open};
use pass::{Place, Places};
use state::Gate;

pub(crate) use pass::Pass;
pub(crate) use rate::Comer;

/// How long a delivery may wait for its turn at an endpoint whose requests end sooner than that,
/// before it goes to the slow lane. Its message waits with it, so it is well under a batch's
/// patience.
const TURN: Duration = Duration::from_millis(250);

/// How long an endpoint that answered 410 is left alone: what else is due there finds it disabled
/// afterwards, and is held instead of lost.
const GONE: Duration = Duration::from_secs(10);

/// How often gates that have nothing left to say are forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// What gates let through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Requests at once to one endpoint.
    pub(crate) endpoint: u32,
    /// Requests at once to one host; twice as many with those of endpoints that have none.
    pub(crate) host: u32,
    /// The same of one tenant.
    pub(crate) tenant: u32,
    /// The rules of circuit breakers; none where they are switched off.
    pub(crate) breaker: Option<breaker::Rules>,
}

/// The gates of all endpoints. Bounded: by the attempts in flight, and by [`state::REMEMBERED`]
/// beyond them.
pub(crate) struct Gates {
    limits: Limits,
    /// How many dispatchers share the rate limits.
    dispatchers: watch::Receiver<NonZeroU32>,
    notices: Arc<Notices>,
    breakers: Breakers,
    gates: Mutex<Open>,
}

/// Why an endpoint isn't sent anything now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It asked to be left alone for so long.
    Paused(Duration),
    /// Its circuit breaker is open for so long, or others probe it since.
    Broken(Duration),
    /// It has had its requests, and the turn of this one is after so long.
    Limited(Duration),
    /// It, its host or its tenant has as many requests as it bears. None of the endpoint's has
    /// ended for so long.
    Crowded(Duration),
}

/// Who comes to a gate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) comer: Comer,
}

impl Gates {
    pub(crate) fn new(
        limits: Limits,
        dispatchers: watch::Receiver<NonZeroU32>,
        notices: Arc<Notices>,
        breakers: Breakers,
    ) -> Arc<Self> {
        Arc::new(Self {
            limits,
            dispatchers,
            notices,
            breakers,
            gates: Mutex::new(Open::new(limits)),
        })
    }

    /// Waits a moment for its turn, where there is a crowd and it moves, or the rate limit has it
    /// soon.
    pub(crate) async fn enter(self: &Arc<Self>, caller: Caller<'_>) -> Result<Pass, Closed> {
        let places = Places::of(caller.endpoint);
        let mut deadline = Instant::now() + TURN;
        let mut had = Had::None;
        let mut place: Option<Place> = None;
        loop {
            let stands = place.as_ref().map(|place| place.before);
            match self.ask(&caller, &places, stands, had) {
                Entry::Admitted(stamp) => {
                    return Ok(Pass {
                        gates: Arc::clone(self),
                        places,
                        stamp,
                        begun: Instant::now(),
                    });
                }
                Entry::Closed(closed) => return Err(closed),
                Entry::Turn(at) => {
                    had = Had::Token;
                    sleep_until(at).await;
                    deadline = at + TURN;
                    continue;
                }
                Entry::Queue(before, turns) => {
                    had = Had::Token;
                    place = Some(Place {
                        gates: Arc::clone(self),
                        places: places.clone(),
                        before,
                        turns,
                    });
                }
                Entry::Stay => {}
            }
            if let Some(place) = &place
                && timeout_at(deadline, place.turns.notified()).await.is_err()
            {
                return Err(Closed::Crowded(place.stall()));
            }
        }
    }

    /// Does something to a gate that is open, and closes it if nothing keeps it open.
    fn with(&self, open: &mut Open, endpoint: EndpointId, change: impl FnOnce(&mut Gate, Instant)) {
        let now = Instant::now();
        if let Some(gate) = open.by_endpoint.get_mut(&endpoint) {
            self.watched(endpoint, gate, now, |gate| change(gate, now));
            if gate.is_untouched(now) {
                open.by_endpoint.remove(&endpoint);
            }
        }
    }

    /// Does something to a gate, and tells when that has changed its breaker.
    fn watched<T>(
        &self,
        endpoint: EndpointId,
        gate: &mut Gate,
        now: Instant,
        change: impl FnOnce(&mut Gate) -> T,
    ) -> T {
        let before = gate.breaker().map(|(_, turn)| turn);
        let changed = change(gate);
        if let Some((state, turn)) = gate.breaker()
            && before != Some(turn)
        {
            gate.counted = self.breakers.count(state);
            self.notices.tell(endpoint, state, now);
        }
        changed
    }

    fn locked(&self) -> MutexGuard<'_, Open> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
