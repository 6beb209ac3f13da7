//! The retry tiers: one queue with a fixed TTL for each, and any other delay as a walk over them.

use std::time::Duration;

/// One of the fourteen delays that a retry queue stands for.
///
/// A queue holds one delay only: a short-lived message behind longer ones would come late, since
/// a queue expires its messages from the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tier(u8);

const COUNT: u8 = 14;

const TIERS: [(&str, u64); COUNT as usize] = [
    ("1s", 1),
    ("2s", 2),
    ("5s", 5),
    ("10s", 10),
    ("30s", 30),
    ("1m", 60),
    ("2m", 2 * 60),
    ("5m", 5 * 60),
    ("10m", 10 * 60),
    ("30m", 30 * 60),
    ("1h", 60 * 60),
    ("2h", 2 * 60 * 60),
    ("5h", 5 * 60 * 60),
    ("10h", 10 * 60 * 60),
];

impl Tier {
    /// Every tier, the shortest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (0..COUNT).map(Self)
    }

    /// The delay as it stands in the queue's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        TIERS[self.0 as usize].0
    }

    /// How long the tier's queue keeps a message.
    #[must_use]
    pub const fn delay(self) -> Duration {
        Duration::from_secs(TIERS[self.0 as usize].1)
    }

    /// The longest tier that is not above `wait`; none below the shortest tier.
    #[must_use]
    pub fn not_above(wait: Duration) -> Option<Self> {
        Self::all().rev().find(|tier| tier.delay() <= wait)
    }

    /// The shortest tier that is not below `wait`; the longest, where none is long enough.
    #[must_use]
    pub fn not_below(wait: Duration) -> Self {
        let enough = Self::all().find(|tier| tier.delay() >= wait);
        enough.unwrap_or(Self(COUNT - 1))
    }
}

/// A wait that a delivery has been told to keep, and what of it is left.
///
/// What is left shrinks by the delay of each tier walked, so the schedule needs no clock and two
/// machines whose clocks differ agree on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    total: Duration,
    left: Duration,
}

/// What to do with a delivery that has a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is due: attempt it.
    Go,
    /// Less than the shortest tier is left: keep it in memory so long, then attempt it.
    Linger(Duration),
    /// Park it in this tier; when it comes back, this is left.
    Park(Tier, Wait),
}

impl Wait {
    /// No wait: due at once.
    pub const NONE: Self = Self {
        total: Duration::ZERO,
        left: Duration::ZERO,
    };

    /// A wait of which nothing has passed.
    #[must_use]
    pub const fn new(total: Duration) -> Self {
        Self { total, left: total }
    }

    /// A wait as a message carried it.
    #[must_use]
    pub fn resumed(total: Duration, left: Duration) -> Self {
        Self {
            total,
            left: left.min(total),
        }
    }

    /// All that was to be waited.
    #[must_use]
    pub const fn total(self) -> Duration {
        self.total
    }

    /// What is still to be waited.
    #[must_use]
    pub const fn left(self) -> Duration {
        self.left
    }

    /// The next step: a wait with at most a twentieth left counts as kept.
    #[must_use]
    pub fn step(self) -> Step {
        if self.left <= self.total / 20 {
            return Step::Go;
        }
        match Tier::not_above(self.left) {
            None => Step::Linger(self.left),
            Some(tier) => Step::Park(
                tier,
                Self {
                    total: self.total,
                    left: self.left - tier.delay(),
                },
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tiers_grow_and_have_names_of_their_own() {
        let tiers: Vec<_> = Tier::all().collect();
        assert_eq!(tiers.len(), 14);
        for pair in tiers.windows(2) {
            assert!(pair[0].delay() < pair[1].delay());
            assert_ne!(pair[0].name(), pair[1].name());
        }
    }

    #[test]
    fn the_tier_that_is_long_enough() {
        let name = |wait_ms| Tier::not_below(Duration::from_millis(wait_ms)).name();
        assert_eq!(name(0), "1s");
        assert_eq!(name(1_000), "1s");
        assert_eq!(name(1_001), "2s");
        assert_eq!(name(u64::MAX), "10h");
    }

    #[test]
    fn no_wait_goes_at_once() {
        assert_eq!(Wait::NONE.step(), Step::Go);
    }

    #[test]
    fn a_tiers_own_delay_is_one_hop() {
        for tier in Tier::all() {
            let Step::Park(parked, rest) = Wait::new(tier.delay()).step() else {
                panic!("{} does not park", tier.name())
            };
            assert_eq!((parked, rest.step()), (tier, Step::Go));
        }
    }

    proptest! {
        /// Whatever the wait, it ends, takes few hops up to the longest tier, is never kept short
        /// by more than a twentieth and never long.
        #[test]
        fn a_walk_keeps_the_wait(ms in 0u64..36_000_000) {
            let total = Duration::from_millis(ms);
            let (mut wait, mut slept, mut hops) = (Wait::new(total), Duration::ZERO, 0);
            loop {
                match wait.step() {
                    Step::Go => break,
                    Step::Linger(rest) => {
                        prop_assert!(rest < Duration::from_secs(1));
                        slept += rest;
                        break;
                    }
                    Step::Park(tier, rest) => {
                        slept += tier.delay();
                        hops += 1;
                        wait = rest;
                    }
                }
            }
            prop_assert!(slept <= total);
            prop_assert!(slept >= total - total / 20);
            prop_assert!(hops <= 5, "{hops} hops for {total:?}");
        }
    }
}
