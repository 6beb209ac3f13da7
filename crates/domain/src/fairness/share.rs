//! How much of the time bulk work takes where it has company.

use std::time::Duration;

/// Bulk work that has waited longer than this gets more than its share.
const PATIENCE: Duration = Duration::from_secs(180);

/// In how long its share doubles then.
const DOUBLES: Duration = Duration::from_secs(30);

/// The longest rest after one step: a step that took long because somebody else was away says
/// nothing of what it cost.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The part of the time that bulk work takes while others are served.
///
/// Work comes in steps, and after each there is a rest. What has waited for more than three minutes
/// gets more: its share doubles every 30 s until it takes all the time. So the bulk lane can be
/// slowed down and never starved, and a load that the machine can bear waits about five
/// minutes at worst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

impl Share {
    /// So many hundredths of the time, from 1 to 100.
    #[must_use]
    pub fn percent(percent: u8) -> Self {
        Self(f64::from(percent.clamp(1, 100)) / 100.0)
    }

    /// How long to rest after a step that took this long, on work that was accepted so long ago.
    /// At most a second.
    #[must_use]
    pub fn rest(self, took: Duration, age: Duration) -> Duration {
        let share = self.at(age);
        let rest = took.as_secs_f64() * (1.0 / share - 1.0);
        Duration::try_from_secs_f64(rest).map_or(LONGEST_REST, |rest| rest.min(LONGEST_REST))
    }

    fn at(self, age: Duration) -> f64 {
        let doubled = age.saturating_sub(PATIENCE).div_duration_f64(DOUBLES);
        (self.0 * doubled.exp2()).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEP: Duration = Duration::from_millis(10);

    #[test]
    fn a_quarter_of_the_time_is_a_rest_three_times_the_step() {
        let quarter = Share::percent(25);
        assert_eq!(quarter.rest(STEP, Duration::ZERO), STEP * 3);
        assert_eq!(quarter.rest(STEP, PATIENCE), STEP * 3);
        assert_eq!(quarter.rest(STEP, PATIENCE + DOUBLES), STEP);
        assert_eq!(quarter.rest(STEP, PATIENCE + 2 * DOUBLES), Duration::ZERO);
        assert_eq!(
            Share::percent(100).rest(STEP, Duration::ZERO),
            Duration::ZERO
        );
        assert_eq!(quarter.rest(Duration::MAX, Duration::ZERO), LONGEST_REST);
    }

    proptest! {
        #[test]
        fn what_is_older_never_rests_longer(
            percent: u8,
            took_ms in 0u64..100_000,
            age_s in 0u64..100_000,
            older_s in 0u64..100_000,
        ) {
            let (share, took) = (Share::percent(percent), Duration::from_millis(took_ms));
            let rest = share.rest(took, Duration::from_secs(age_s));
            prop_assert!(rest <= LONGEST_REST);
            prop_assert!(share.rest(took, Duration::from_secs(age_s + older_s)) <= rest);
        }
    }
}
