//! What counts as lost: on record as neither settled nor waiting, and in no queue any more.
//!
//! Nobody can look into a queue. But every lane's queue is first in, first out, and the dispatchers
//! tell how far they have come: a delivery that was due before all its lanes had passed that
//! instant, and that nobody has reported on since, is in none of them. A backlog is not a loss: a
//! lane that is behind tells so, and nothing in it is judged.

use std::time::Duration;

use time::OffsetDateTime;

/// How often a delivery may go through the retry lanes without the record hearing of it: it is put
/// off for short waits, or walks over several tiers.
const PASSES: u32 = 5;

/// What a dispatcher tells of a lane's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermark {
    /// The queue.
    pub queue: String,
    /// What came into the queue before has been taken from it.
    pub passed_at: OffsetDateTime,
    /// How long what was just taken had been in it; zero when it is empty.
    pub lag: Duration,
    /// When this was told. What dispatchers reported before is before it in the results.
    pub told_at: OffsetDateTime,
}

/// What the record knows of a lane's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// What came into the queue before has been taken from it.
    pub passed_at: OffsetDateTime,
    /// The longest lag of late.
    pub peak_lag: Duration,
}

/// Up to when deliveries can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// First attempts that were recorded before, and not reported on, are lost.
    pub first: OffsetDateTime,
    /// Later attempts that were due before, and not reported on, are lost.
    pub waiting: OffsetDateTime,
}

impl Horizon {
    /// The horizon that these lanes allow: `first` are those that first attempts come by, `later`
    /// those that all else does, and what found no room on the first.
    ///
    /// `grace` is for what was taken and is not reported yet: an attempt, its report, and a
    /// redelivery after a crash. To it comes how far the lanes were behind of late, since what was
    /// taken from a backlog was taken so much later.
    ///
    /// It is never after `now`, whatever a dispatcher whose clock is ahead has told. None while
    /// nothing is known of a kind of lane.
    #[must_use]
    pub fn of(
        first: &[Passage],
        later: &[Passage],
        now: OffsetDateTime,
        grace: Duration,
    ) -> Option<Self> {
        let (first, later) = (Slowest::of(first, now)?, Slowest::of(later, now)?);
        let later_grace = grace.saturating_add(later.lag.saturating_mul(PASSES));
        let first_grace = later_grace.saturating_add(first.lag);
        Some(Self {
            first: earlier(first.passed_at.min(later.passed_at), first_grace),
            waiting: earlier(later.passed_at, later_grace),
        })
    }
}

/// The worst of several lanes: a delivery may be in any of them.
struct Slowest {
    passed_at: OffsetDateTime,
    lag: Duration,
}

impl Slowest {
    fn of(lanes: &[Passage], now: OffsetDateTime) -> Option<Self> {
        Some(Self {
            passed_at: lanes.iter().map(|lane| lane.passed_at).min()?.min(now),
            lag: lanes.iter().map(|lane| lane.peak_lag).max()?,
        })
    }
}

fn earlier(at: OffsetDateTime, by: Duration) -> OffsetDateTime {
    at.saturating_sub(by.try_into().unwrap_or(time::Duration::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-11-25 12:00 UTC);
    const GRACE: Duration = Duration::from_secs(600);

    fn lane(behind_s: u64, lag_s: u64) -> Passage {
        Passage {
            passed_at: earlier(NOON, Duration::from_secs(behind_s)),
            peak_lag: Duration::from_secs(lag_s),
        }
    }

    #[test]
    fn lanes_that_are_empty_are_judged_up_to_the_grace() {
        let horizon = Horizon::of(&[lane(0, 0)], &[lane(0, 0)], NOON, GRACE).unwrap();
        assert_eq!(
            (horizon.first, horizon.waiting),
            (NOON - GRACE, NOON - GRACE)
        );
    }

    #[test]
    fn nothing_is_judged_before_every_kind_of_lane_has_told() {
        assert_eq!(Horizon::of(&[], &[lane(0, 0)], NOON, GRACE), None);
        assert_eq!(Horizon::of(&[lane(0, 0)], &[], NOON, GRACE), None);
    }

    #[test]
    fn a_clock_that_is_ahead_moves_nothing_beyond_now() {
        let ahead = Passage {
            passed_at: NOON + Duration::from_secs(3_600),
            peak_lag: Duration::ZERO,
        };
        let horizon = Horizon::of(&[ahead], &[ahead], NOON, GRACE).unwrap();
        assert_eq!(
            (horizon.first, horizon.waiting),
            (NOON - GRACE, NOON - GRACE)
        );
    }

    #[test]
    fn a_backlog_of_first_attempts_keeps_no_retry_from_being_judged() {
        let horizon = Horizon::of(&[lane(3_600, 3_600)], &[lane(0, 0)], NOON, GRACE).unwrap();
        assert_eq!(horizon.waiting, NOON - GRACE);
        assert_eq!(horizon.first, NOON - GRACE - Duration::from_secs(7_200));
    }

    #[test]
    fn what_was_taken_from_a_backlog_has_its_grace_from_then() {
        // An hour of backlog has just been worked off.
        let horizon = Horizon::of(&[lane(0, 3_600)], &[lane(0, 0)], NOON, GRACE).unwrap();
        assert_eq!(horizon.first, NOON - GRACE - Duration::from_secs(3_600));
    }

    proptest! {
        /// A further lane, a lane that is further behind, or a longer grace never makes more count
        /// as lost.
        #[test]
        fn doubt_never_makes_a_loss(
            first in proptest::collection::vec((0u64..100_000, 0u64..100_000), 1..5),
            later in proptest::collection::vec((0u64..100_000, 0u64..100_000), 1..5),
            one_more in (0u64..100_000, 0u64..100_000),
            grace_s in 0u64..100_000,
            longer_s in 0u64..100_000,
        ) {
            let lanes = |of: &[(u64, u64)]| -> Vec<_> {
                of.iter().map(|(behind, lag)| lane(*behind, *lag)).collect()
            };
            let (first, later) = (lanes(&first), lanes(&later));
            let grace = Duration::from_secs(grace_s);
            let horizon = Horizon::of(&first, &later, NOON, grace).unwrap();
            prop_assert!(horizon.first <= horizon.waiting);
            let more: Vec<_> = later.iter().copied().chain(lanes(&[one_more])).collect();
            let longer = grace + Duration::from_secs(longer_s);
            let doubtful = Horizon::of(&first, &more, NOON, longer).unwrap();
            prop_assert!(doubtful.first <= horizon.first);
            prop_assert!(doubtful.waiting <= horizon.waiting);
        }
    }
}
