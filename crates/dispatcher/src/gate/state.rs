//! One endpoint's gate: a decision without a clock of its own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use domain::outcome::{Outcome, Pressure};
use domain::retry::Jitter;
use tokio::time::Instant;
use url::Url;

use super::breaker::{self, Breaker, Verdict};
use super::cap::{Cap, Round};
use super::line::{Ended, Line};
use super::rate::{Bucket, Comer, Share, Token};
use super::{Closed, GONE, TURN};
use crate::metrics::Counted;

/// How many gates are kept open for what they have learned alone.
pub(super) const REMEMBERED: usize = 100_000;

/// How long what was learned holds.
const LEARNED: Duration = Duration::from_secs(10 * 60);

/// Tells one URL from another, and is smaller than either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(url: &Url) -> Self {
        let mut hasher = DefaultHasher::new();
        url.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// One endpoint's gate.
pub(super) struct Gate {
    cap: Cap,
    in_flight: u32,
    pub(super) line: Line,
    /// None where breakers are switched off.
    breaker: Option<Breaker>,
    /// None where nothing was limited yet.
    bucket: Option<Bucket>,
    paused_until: Option<Instant>,
    learned_at: Option<Instant>,
    /// The URL that it was learned of.
    url: Fingerprint,
    /// When a request last ended, or the first of those under way was sent.
    moved_at: Instant,
    /// Counts its breaker while that is not closed.
    pub(super) counted: Option<Counted>,
}

/// When a request was sent, as its endpoint's gate sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    round: Round,
    turn: Option<breaker::Turn>,
}

impl Gate {
    pub(super) fn new(
        most: u32,
        rules: Option<breaker::Rules>,
        url: Fingerprint,
        now: Instant,
    ) -> Self {
        Self {
            url,
            cap: Cap::new(most),
            in_flight: 0,
            line: Line::default(),
            breaker: rules.map(Breaker::new),
            bucket: None,
            paused_until: None,
            learned_at: None,
            moved_at: now,
            counted: None,
        }
    }

    /// Somebody comes to the endpoint at this URL. What was learned of another one says nothing of
    /// it: neither that it fails nor that it wants to be left alone.
    pub(super) fn comes_to(&mut self, url: Fingerprint, now: Instant) {
        if self.url == url {
            return;
        }
        self.url = url;
        self.paused_until = None;
        if let Some(breaker) = &mut self.breaker {
            breaker.forget(now);
        }
    }

    /// Whether the endpoint is to be left alone.
    pub(super) fn check(&mut self, now: Instant) -> Result<(), Closed> {
        if let Some(rest) = self.pause_left(now) {
            return Err(Closed::Paused(rest));
        }
        match &mut self.breaker {
            Some(breaker) => breaker.check(now).map_err(Closed::Broken),
            None => Ok(()),
        }
    }

    /// A token of the endpoint's rate limit, where it has one.
    pub(super) fn token(&mut self, share: Option<Share>, comer: Comer, now: Instant) -> Token {
        let Some(share) = share else {
            self.bucket = None;
            return Token::Now;
        };
        let bucket = self.bucket.get_or_insert_with(|| Bucket::new(share, now));
        bucket.adjust(share, now);
        bucket.take(comer, TURN, now)
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight < self.cap.limit()
    }

    pub(super) const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// How long no request has ended while some were under way. What hangs for so long may well
    /// hang for as long again.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        if self.in_flight == 0 {
            return Duration::ZERO;
        }
        now.saturating_duration_since(self.moved_at)
    }

    /// A request is sent.
    pub(super) fn sent(&mut self, now: Instant) -> Stamp {
        if self.in_flight == 0 {
            self.moved_at = now;
        }
        self.in_flight += 1;
        Stamp {
            round: self.cap.round(),
            turn: self.breaker.as_mut().map(Breaker::sent),
        }
    }

    /// A request has ended, whatever came of it.
    pub(super) fn ended(&mut self, stamp: Stamp, ended: Ended, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.moved_at = now;
        if let Some((breaker, turn)) = self.breaker.as_mut().zip(stamp.turn) {
            breaker.ended(turn);
        }
        self.line.moves(ended, self.in_flight);
        self.call();
    }

    pub(super) fn call(&self) {
        if self.has_room() {
            self.line.call();
        }
    }

    /// Learns from what came of a request. `longest` is the most that a `Retry-After` can ask for.
    pub(super) fn learn(
        &mut self,
        stamp: Stamp,
        outcome: Outcome,
        longest: Duration,
        jitter: Jitter,
        now: Instant,
    ) {
        let verdict = match outcome {
            Outcome::Delivered => {
                self.succeeded(now);
                Verdict::Answered
            }
            Outcome::Gone => {
                self.pause(GONE, now);
                Verdict::Answered
            }
            Outcome::Failed {
                retry_after,
                pressure,
            } => {
                if let Some(wait) = retry_after {
                    self.pause(wait.min(longest), now);
                }
                match pressure {
                    Pressure::None => Verdict::Answered,
                    Pressure::Unreachable => Verdict::Failed,
                    Pressure::Overloaded => {
                        self.cap.overloaded(stamp.round);
                        Verdict::Failed
                    }
                }
            }
        };
        if verdict == Verdict::Failed {
            self.learned_at = Some(now);
        }
        if let Some((breaker, turn)) = self.breaker.as_mut().zip(stamp.turn) {
            breaker.learn(turn, verdict, now, jitter);
        }
    }

    fn succeeded(&mut self, now: Instant) {
        let before = self.cap.limit();
        self.cap.succeeded(self.in_flight);
        if self.cap.limit() != before {
            self.learned_at = Some(now);
            self.call();
        }
    }

    /// Lets nobody through for so long. A shorter wait never cuts a longer one.
    fn pause(&mut self, wait: Duration, now: Instant) {
        self.paused_until = self.paused_until.max(now.checked_add(wait));
    }

    fn pause_left(&self, now: Instant) -> Option<Duration> {
        let rest = self.paused_until?.saturating_duration_since(now);
        (!rest.is_zero()).then_some(rest)
    }

    /// The state of its breaker, and what changes with every change of that; none where breakers
    /// are switched off.
    pub(super) fn breaker(&self) -> Option<(breaker::State, breaker::Turn)> {
        let breaker = self.breaker.as_ref()?;
        Some((breaker.state(), breaker.turn()))
    }

    /// Whether it is like the gate of an endpoint of which nothing is known.
    pub(super) fn is_untouched(&self, now: Instant) -> bool {
        self.is_empty()
            && self.paused_until.is_none()
            && self.cap.is_untouched()
            && self.is_within_its_rate(now)
            && self
                .breaker
                .as_ref()
                .is_none_or(|breaker| breaker.is_untouched(now))
    }

    /// Whether nobody is at the gate, and what it has learned is too old to matter.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let is_old = |at: Instant| now.saturating_duration_since(at) >= LEARNED;
        let probed_at = match self.breaker() {
            Some((breaker::State::Open { until, .. }, _)) => Some(until),
            Some((breaker::State::HalfOpen(since), _)) => Some(since),
            Some((breaker::State::Closed(_), _)) | None => None,
        };
        self.is_empty()
            && self.pause_left(now).is_none()
            && self.is_within_its_rate(now)
            && self.learned_at.is_none_or(is_old)
            && probed_at.is_none_or(is_old)
    }

    fn is_empty(&self) -> bool {
        self.in_flight == 0 && self.line.is_empty()
    }

    fn is_within_its_rate(&self, now: Instant) -> bool {
        self.bucket
            .as_ref()
            .is_none_or(|bucket| bucket.is_untouched(now))
    }
}
