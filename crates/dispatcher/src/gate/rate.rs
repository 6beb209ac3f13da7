//! An endpoint's rate limit; pure.
//!
//! A token bucket, kept as the instant at which it will be full again (the generic cell rate
//! algorithm). What finds it empty gets a turn of its own, as far apart as the rate says, so that
//! what was sent away doesn't come back all at once.
//!
//! **Invariant:** over any span, no more are let through than the burst and the rate times the
//! span. Turns only spread the waits: whoever comes back asks the bucket again.
//! **Invariant:** what has waited goes before what is new, so nothing waits for ever.

use std::num::NonZeroU32;
use std::time::Duration;

use domain::endpoint::RateLimit;
use tokio::time::Instant;

/// The longest that anything is sent away for at once.
const LONGEST: Duration = Duration::from_secs(10 * 60 * 60);

/// The shortest: below it the broker has no tier.
const SHORTEST: Duration = Duration::from_secs(1);

/// A dispatcher's share of a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// From one request to the next.
    interval: Duration,
    /// How far ahead of that a burst may be.
    ahead: Duration,
}

impl Share {
    pub(super) fn of(limit: RateLimit, dispatchers: NonZeroU32) -> Self {
        let interval = Duration::from_secs(1) * dispatchers.get() / u32::from(limit.per_second());
        let burst = (u32::from(limit.burst()) / dispatchers).max(1);
        Self {
            interval,
            ahead: interval * (burst - 1),
        }
    }
}

/// Whether whoever comes was sent away before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comer {
    /// It comes for the first time.
    New,
    /// It has waited.
    Back,
}

/// When a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// Now.
    Now,
    /// At this instant, which is near, and nobody else's.
    At(Instant),
    /// Not soon: ask again after so long.
    Later(Duration),
}

/// The bucket of one endpoint.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    share: Share,
    /// When it is full again.
    full: Instant,
    /// The last turn of what was new and was sent away.
    last_new: Instant,
    /// The last turn of what came back and was sent away again.
    last_back: Instant,
}

impl Bucket {
    pub(super) fn new(share: Share, now: Instant) -> Self {
        Self {
            share,
            full: now,
            last_new: now,
            last_back: now,
        }
    }

    /// The share has changed. Turns at the old rate say nothing any more.
    pub(super) fn adjust(&mut self, share: Share, now: Instant) {
        if share != self.share {
            *self = Self {
                // What was sent still counts, as much as it may at the new rate.
                full: self.full.min(now + share.ahead + share.interval),
                ..Self::new(share, now)
            };
        }
    }

    /// Takes a token, or says when to ask for one. One that is at most `near` away is taken, too.
    pub(super) fn take(&mut self, comer: Comer, near: Duration, now: Instant) -> Token {
        let slot = self.full.max(now);
        let due = now.max(slot.checked_sub(self.share.ahead).unwrap_or(now));
        let is_behind = comer == Comer::New && self.last_new > now + near;
        if due <= now + near && !is_behind {
            self.full = slot + self.share.interval;
            return if due <= now {
                Token::Now
            } else {
                Token::At(due)
            };
        }
        let last = match comer {
            Comer::New => &mut self.last_new,
            Comer::Back => &mut self.last_back,
        };
        let turn = due.max(*last + self.share.interval).min(now + LONGEST);
        *last = turn;
        Token::Later((turn - now).max(SHORTEST))
    }

    /// Whether it is full, and nobody has a turn.
    pub(super) fn is_untouched(&self, now: Instant) -> bool {
        self.full <= now && self.last_new <= now && self.last_back <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEAR: Duration = Duration::from_millis(250);
    const ALONE: NonZeroU32 = NonZeroU32::MIN;

    fn bucket(per_second: u32, burst: u32, dispatchers: u32) -> (Bucket, Instant) {
        let limit = RateLimit::new(per_second, burst).unwrap();
        let share = Share::of(limit, NonZeroU32::new(dispatchers).unwrap());
        let now = Instant::now();
        (Bucket::new(share, now), now)
    }

    #[test]
    fn a_burst_passes_and_the_next_waits_for_its_turn() {
        let (mut bucket, now) = bucket(10, 3, 1);
        for _ in 0..3 {
            assert_eq!(bucket.take(Comer::New, NEAR, now), Token::Now);
        }
        for ms in [100, 200] {
            let at = Token::At(now + Duration::from_millis(ms));
            assert_eq!(bucket.take(Comer::New, NEAR, now), at);
        }
        let Token::Later(wait) = bucket.take(Comer::New, NEAR, now) else {
            panic!("300 ms is not near")
        };
        assert_eq!(wait, SHORTEST);
        // Who is new comes after those who were sent away, who come back to what is free.
        let now = now + Duration::from_millis(290);
        let Token::Later(_) = bucket.take(Comer::New, Duration::ZERO, now) else {
            panic!("another has waited")
        };
        assert_eq!(
            bucket.take(Comer::Back, NEAR, now),
            Token::At(now + Duration::from_millis(10))
        );
    }

    #[test]
    fn those_who_are_sent_away_come_back_one_by_one() {
        let (mut bucket, now) = bucket(1, 1, 1);
        assert_eq!(bucket.take(Comer::New, NEAR, now), Token::Now);
        let waits: Vec<_> = (0..100)
            .map(|_| match bucket.take(Comer::New, NEAR, now) {
                Token::Later(wait) => wait.as_secs(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(waits, (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn two_dispatchers_have_half_each() {
        let limit = RateLimit::new(10, 4).unwrap();
        let both = Share::of(limit, NonZeroU32::new(2).unwrap());
        let half = Share::of(RateLimit::new(5, 2).unwrap(), ALONE);
        assert_eq!(both, half);
        let many = Share::of(limit, NonZeroU32::new(9).unwrap());
        assert_eq!(many.ahead, Duration::ZERO, "one at once is the least");
    }

    #[test]
    fn a_new_rate_holds_at_once() {
        let (mut bucket, now) = bucket(1, 1, 1);
        for _ in 0..1_000 {
            bucket.take(Comer::New, NEAR, now);
        }
        let faster = Share::of(RateLimit::new(100, 1).unwrap(), ALONE);
        bucket.adjust(faster, now);
        let now = now + Duration::from_millis(10);
        assert_eq!(bucket.take(Comer::New, NEAR, now), Token::Now);
    }

    proptest! {
        /// Over any span, no more than the burst and the rate times the span.
        #[test]
        fn the_rate_is_held(
            per_second in 1u32..200,
            burst in 1u32..50,
            dispatchers in 1u32..4,
            steps in proptest::collection::vec((any::<bool>(), 0u64..300), 1..300),
        ) {
            let (mut bucket, begun) = bucket(per_second, burst, dispatchers);
            let (mut now, mut sent) = (begun, Vec::new());
            for (is_new, pause_ms) in steps {
                now += Duration::from_millis(pause_ms);
                let comer = if is_new { Comer::New } else { Comer::Back };
                match bucket.take(comer, NEAR, now) {
                    Token::Now => sent.push(now),
                    Token::At(at) => {
                        prop_assert!(at > now && at <= now + NEAR);
                        sent.push(at);
                    }
                    Token::Later(wait) => prop_assert!((SHORTEST..=LONGEST).contains(&wait)),
                }
            }
            sent.sort();
            let (rate, most) = (
                f64::from(per_second) / f64::from(dispatchers),
                f64::from((burst / dispatchers).max(1)),
            );
            for first in 0..sent.len() {
                for last in first..sent.len() {
                    let span = (sent[last] - sent[first]).as_secs_f64();
                    let count = f64::from(u32::try_from(last - first + 1).unwrap());
                    prop_assert!(count <= most + rate * span + 0.001, "{count} in {span} s");
                }
            }
        }

        /// Everything that comes is let through in the end, though as much again is always new.
        #[test]
        fn nothing_waits_for_ever(crowd in 1usize..60) {
            let (mut bucket, begun) = bucket(5, 1, 1);
            let mut waiting: Vec<Instant> = vec![begun; crowd];
            let mut comers = vec![Comer::New; crowd];
            let mut now = begun;
            while !waiting.is_empty() {
                now += Duration::from_millis(100);
                prop_assert!(now - begun < Duration::from_secs(600), "{} wait", waiting.len());
                // Twice the rate is new all the time, and none of it may push the others back.
                bucket.take(Comer::New, NEAR, now);
                let mut at = 0;
                while at < waiting.len() {
                    if waiting[at] > now {
                        at += 1;
                        continue;
                    }
                    match bucket.take(comers[at], NEAR, now) {
                        Token::Later(wait) => {
                            waiting[at] = now + wait;
                            comers[at] = Comer::Back;
                            at += 1;
                        }
                        Token::Now | Token::At(_) => {
                            waiting.remove(at);
                            comers.remove(at);
                        }
                    }
                }
            }
        }
    }
}
