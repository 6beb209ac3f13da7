//! The circuit breaker of one endpoint; pure.
//!
//! Closed, it counts the failures of the last minute. When enough attempts have failed it opens:
//! nothing is attempted for a time. Then it is half-open: a few attempts probe the endpoint. When
//! all of them succeed it closes, and when one fails it opens for twice as long.
//!
//! **Invariant:** it forgets how often it has opened only after the endpoint has been well for
//! twice as long as the breaker was open last. One that fails again at once is open for longer and
//! longer, and doesn't swing.

use std::time::Duration;

use domain::limits;
use domain::retry::Jitter;
use tokio::time::Instant;

use super::tally::Window;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The fewest attempts in [`limits::BREAKER_WINDOW`] that can open it.
    pub(crate) tries: u32,
    /// The share of failures among them that does, in percent.
    pub(crate) failures_percent: u32,
    /// How long it is open the first time.
    pub(crate) open: Duration,
    /// How long it is open at most.
    pub(crate) open_most: Duration,
}

/// The share of its time that a breaker is open beyond it at most, so that those which opened
/// together don't probe together.
const JITTER: f64 = 0.1;

/// The breaker of one endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    rules: Rules,
    phase: Phase,
    window: Window,
    /// How often it has opened since the endpoint was last well.
    openings: u32,
    turn: Turn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed {
        since: Option<Instant>,
    },
    Open {
        since: Instant,
        until: Instant,
    },
    HalfOpen {
        since: Instant,
        out: u32,
        passed: u32,
    },
}

/// Between which two changes of the breaker a request was sent. What comes of one that was sent
/// before the last change says nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn(u32);

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Somebody was there and answered.
    Answered,
    /// Nobody answered, or an answer said that the endpoint can't cope.
    Failed,
}

/// Whether requests are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// All are. None where nothing is known of a time when it was otherwise.
    Closed(Option<Instant>),
    /// A few are.
    HalfOpen(Instant),
    /// None is.
    Open {
        /// Since when.
        since: Instant,
        /// Until when.
        until: Instant,
    },
}

impl Breaker {
    /// A closed one.
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            phase: Phase::Closed { since: None },
            window: Window::new(limits::BREAKER_WINDOW),
            openings: 0,
            turn: Turn(0),
        }
    }

    /// Whether a request may be sent; if not, how long it is no use to ask again.
    ///
    /// # Errors
    /// How long, while it is open, or as many probes are under way as there may be.
    pub(crate) fn check(&mut self, now: Instant) -> Result<(), Duration> {
        match self.phase {
            Phase::Closed { .. } => Ok(()),
            Phase::Open { until, .. } if now < until => Err(until - now),
            Phase::Open { .. } => {
                self.change(Phase::HalfOpen {
                    since: now,
                    out: 0,
                    passed: 0,
                });
                Ok(())
            }
            Phase::HalfOpen { out, passed, .. } if out + passed < limits::BREAKER_PROBES => Ok(()),
            // What has taken so long may well take as long again.
            Phase::HalfOpen { since, .. } => Err(now.saturating_duration_since(since)),
        }
    }

    /// A request is sent.
    pub(crate) fn sent(&mut self) -> Turn {
        if let Phase::HalfOpen { out, .. } = &mut self.phase {
            *out += 1;
        }
        self.turn
    }

    /// Learns what came of a request.
    pub(crate) fn learn(&mut self, turn: Turn, verdict: Verdict, now: Instant, jitter: Jitter) {
        if turn != self.turn {
            return;
        }
        match (&mut self.phase, verdict) {
            (Phase::Closed { since }, verdict) => {
                let since = *since;
                self.window.count(verdict, now);
                if self.has_failed_enough(now) {
                    if since.is_some_and(|since| now - since >= self.last_open() * 2) {
                        self.openings = 0;
                    }
                    self.open(now, jitter);
                }
            }
            (Phase::HalfOpen { passed, .. }, Verdict::Answered) => {
                *passed += 1;
                if *passed >= limits::BREAKER_PROBES {
                    self.window.clear();
                    self.change(Phase::Closed { since: Some(now) });
                }
            }
            (Phase::HalfOpen { .. }, Verdict::Failed) => self.open(now, jitter),
            (Phase::Open { .. }, _) => {}
        }
    }

    /// A request has ended, whatever came of it.
    pub(crate) fn ended(&mut self, turn: Turn) {
        if let Phase::HalfOpen { out, .. } = &mut self.phase
            && turn == self.turn
        {
            *out = out.saturating_sub(1);
        }
    }

    /// Closes, and knows nothing: the endpoint is somewhere else now.
    pub(crate) fn forget(&mut self, now: Instant) {
        if !self.is_untouched(now) {
            self.window.clear();
            self.openings = 0;
            self.change(Phase::Closed { since: Some(now) });
        }
    }

    /// Whether requests are let through.
    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed { since } => State::Closed(since),
            Phase::Open { since, until } => State::Open { since, until },
            Phase::HalfOpen { since, .. } => State::HalfOpen(since),
        }
    }

    /// Changes with every change of [`Self::state`].
    pub(crate) const fn turn(&self) -> Turn {
        self.turn
    }

    /// Whether it is that of an endpoint of which nothing bad is known. What went well alone is not
    /// worth remembering.
    pub(crate) fn is_untouched(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Closed { .. })
            && self.openings == 0
            && self.window.tally(now).failures == 0
    }

    fn has_failed_enough(&self, now: Instant) -> bool {
        let tally = self.window.tally(now);
        let share = u64::from(self.rules.failures_percent) * u64::from(tally.tries);
        tally.tries >= self.rules.tries && u64::from(tally.failures) * 100 >= share
    }

    fn open(&mut self, now: Instant, jitter: Jitter) {
        self.openings = self.openings.saturating_add(1);
        let open = self.last_open();
        let until = now + open + jitter.of(open.mul_f64(JITTER));
        self.change(Phase::Open { since: now, until });
    }

    /// How long it was open, or is, after so many openings.
    fn last_open(&self) -> Duration {
        let doublings = self.openings.saturating_sub(1).min(16);
        let open = self.rules.open.saturating_mul(1 << doublings);
        open.min(self.rules.open_most)
    }

    fn change(&mut self, phase: Phase) {
        self.phase = phase;
        self.turn = Turn(self.turn.0.wrapping_add(1));
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            tries: limits::BREAKER_TRIES,
            failures_percent: limits::BREAKER_FAILURES_PERCENT,
            open: limits::BREAKER_OPEN,
            open_most: limits::BREAKER_OPEN_MOST,
        }
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
