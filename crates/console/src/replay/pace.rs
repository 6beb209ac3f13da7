//! When the next deliveries of a replay are due: by a schedule, not by waits between them, so that
//! what publishing takes doesn't add up.

use std::time::Duration;

use domain::replay::Rate;
use tokio::time::Instant;

/// How far a replay may be behind its schedule and still catch up. What is beyond was an outage,
/// and made up for it would be a burst.
const ARREARS: Duration = Duration::from_secs(1);

/// The schedule of a replay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    rate: Rate,
    /// When the first was due.
    begun: Instant,
    /// How many have gone since.
    gone: u64,
}

impl Pace {
    /// A schedule that begins now.
    pub(super) const fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            begun: now,
            gone: 0,
        }
    }

    /// Goes on at this rate; another one than before begins a schedule of its own.
    pub(super) fn keep(&mut self, rate: Rate, now: Instant) {
        if rate != self.rate {
            *self = Self::new(rate, now);
        }
    }

    /// How many are due.
    pub(super) fn due(&mut self, now: Instant) -> usize {
        if now.saturating_duration_since(self.next()) > ARREARS {
            *self = Self::new(self.rate, now);
        }
        let elapsed = now.saturating_duration_since(self.begun).as_nanos();
        let all = elapsed * u128::from(self.rate.per_second()) / 1_000_000_000 + 1;
        usize::try_from(all.saturating_sub(u128::from(self.gone))).unwrap_or(usize::MAX)
    }

    /// So many have gone.
    pub(super) fn went(&mut self, count: usize) {
        self.gone += count as u64;
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Instant {
        self.begun + self.rate.takes(self.gone)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_second: u16) -> Rate {
        Rate::new(per_second).unwrap()
    }

    proptest! {
        /// However unevenly it is asked, a schedule lets go what its rate says, to one delivery.
        #[test]
        fn the_rate_holds_over_the_whole_run(
            per_second in 1u16..=5_000,
            naps_ms in proptest::collection::vec(0u64..900, 1..200),
        ) {
            let begun = Instant::now();
            let mut pace = Pace::new(rate(per_second), begun);
            let (mut now, mut gone) = (begun, 0u64);
            for nap in naps_ms {
                for _ in 0..pace.due(now) {
                    pace.went(1);
                    gone += 1;
                }
                prop_assert!(pace.next() > now);
                now += Duration::from_millis(nap);
            }
            for _ in 0..pace.due(now) {
                pace.went(1);
                gone += 1;
            }
            let elapsed = u128::from(gone.saturating_sub(1)) * 1_000_000_000;
            let lower = (now - begun).as_nanos() * u128::from(per_second);
            prop_assert!(elapsed <= lower && lower < elapsed + 1_000_000_000);
        }
    }

    #[test]
    fn an_outage_is_not_made_up_for() {
        let begun = Instant::now();
        let mut pace = Pace::new(rate(1_000), begun);
        pace.went(1);
        assert_eq!(pace.due(begun + Duration::from_secs(3_600)), 1);
        // A hiccup is.
        let mut pace = Pace::new(rate(1_000), begun);
        assert_eq!(pace.due(begun + Duration::from_millis(500)), 501);
    }

    #[test]
    fn another_rate_begins_anew() {
        let begun = Instant::now();
        let mut pace = Pace::new(rate(10), begun);
        pace.went(1);
        let later = begun + Duration::from_secs(1);
        pace.keep(rate(10), later);
        assert_eq!(pace.due(later), 10);
        pace.keep(rate(1_000), later);
        assert_eq!(pace.due(later), 1);
        assert_eq!(pace.due(later + Duration::from_millis(100)), 101);
    }
}
