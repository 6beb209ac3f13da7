//! One endpoint's gate: a decision without a clock of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::cap::{Cap, Round};

/// How many gates are kept open for what they have learned alone.
pub(super) const REMEMBERED: usize = 100_000;

/// How long what was learned holds.
const LEARNED: Duration = Duration::from_secs(10 * 60);

/// One endpoint's gate.
#[derive(Debug)]
pub(super) struct Gate {
    cap: Cap,
    in_flight: u32,
    queued: u32,
    turns: Option<Arc<Notify>>,
    pace: Pace,
    paused_until: Option<Instant>,
    learned_at: Option<Instant>,
}

/// Whether waiting for a turn is worth while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Requests end soon enough.
    Moving,
    /// Somebody waited in vain, and no request has ended quickly since.
    Stalled,
}

/// Who comes to a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comer {
    /// Somebody who has just arrived.
    New,
    /// Somebody who stands in the queue and was called.
    Queued,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Soon enough for another to wait for it.
    Quickly,
    /// Not so.
    Slowly,
}

/// What a gate says.
#[derive(Debug)]
pub(super) enum Entry {
    /// Go; the place is taken.
    Admitted(Round),
    /// Wait for a turn, and ask again; the place in the queue is taken.
    Queue(Arc<Notify>),
    /// The endpoint asked to be left alone for so long.
    Paused(Duration),
    /// No room, and no use in waiting.
    Crowded,
}

impl Gate {
    pub(super) fn new(most: u32) -> Self {
        Self {
            cap: Cap::new(most),
            in_flight: 0,
            queued: 0,
            turns: None,
            pace: Pace::Moving,
            paused_until: None,
            learned_at: None,
        }
    }

    pub(super) fn enter(&mut self, comer: Comer, now: Instant) -> Entry {
        if let Some(rest) = self.pause_left(now) {
            return Entry::Paused(rest);
        }
        if self.in_flight < self.cap.limit() {
            self.in_flight += 1;
            return Entry::Admitted(self.cap.round());
        }
        match (comer, self.pace) {
            (Comer::Queued, _) => {}
            (Comer::New, Pace::Moving) => self.queued += 1,
            (Comer::New, Pace::Stalled) => return Entry::Crowded,
        }
        Entry::Queue(Arc::clone(self.turns.get_or_insert_default()))
    }

    fn pause_left(&self, now: Instant) -> Option<Duration> {
        let rest = self.paused_until?.saturating_duration_since(now);
        (!rest.is_zero()).then_some(rest)
    }

    pub(super) fn leave_queue(&mut self) {
        self.queued = self.queued.saturating_sub(1);
        // Whoever leaves the queue may have been called and not gone in: call the next.
        self.call();
    }

    /// A request has ended, whatever came of it.
    pub(super) fn leave(&mut self, ended: Ended) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if ended == Ended::Quickly || self.in_flight == 0 {
            self.pace = Pace::Moving;
        }
        self.call();
    }

    fn call(&self) {
        if let Some(turns) = &self.turns
            && self.queued > 0
            && self.in_flight < self.cap.limit()
        {
            turns.notify_one();
        }
    }

    /// Somebody waited for a turn in vain.
    pub(super) fn stall(&mut self) {
        self.pace = Pace::Stalled;
    }

    pub(super) fn succeeded(&mut self, now: Instant) {
        let before = self.cap.limit();
        self.cap.succeeded(self.in_flight);
        if self.cap.limit() != before {
            self.learned_at = Some(now);
            self.call();
        }
    }

    pub(super) fn overloaded(&mut self, round: Round, now: Instant) {
        self.cap.overloaded(round);
        self.learned_at = Some(now);
    }

    /// Lets nobody through for so long. A shorter wait never cuts a longer one.
    pub(super) fn pause(&mut self, wait: Duration, now: Instant) {
        self.paused_until = self.paused_until.max(now.checked_add(wait));
    }

    /// Whether it is like the gate of an endpoint of which nothing is known.
    pub(super) fn is_untouched(&self) -> bool {
        self.in_flight == 0
            && self.queued == 0
            && self.pace == Pace::Moving
            && self.paused_until.is_none()
            && self.cap.is_untouched()
    }

    /// Whether nobody is at the gate, and what it has learned is too old to matter.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.in_flight == 0
            && self.queued == 0
            && self.pause_left(now).is_none()
            && self
                .learned_at
                .is_none_or(|at| now.saturating_duration_since(at) >= LEARNED)
    }
}
