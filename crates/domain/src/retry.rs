//! Retry policies: how long to wait after which attempt, and when to give up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attempt::AttemptNumber;
use crate::limits;

/// The waits between a delivery's attempts.
///
/// The default survives an outage of about 28 hours:
///
/// | after attempt | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
/// |---|---|---|---|---|---|---|---|---|---|
/// | wait | 5 s | 30 s | 2 min | 10 min | 30 min | 2 h | 5 h | 10 h | 10 h |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct RetryPolicy {
    waits: Box<[Duration]>,
}

/// Waits that grow by a factor from one to the next, up to a cap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exponential {
    /// The first wait; at least 1 second.
    pub base: Duration,
    /// What each wait is multiplied by for the next; 1 to 100.
    pub factor: f64,
    /// No wait is longer; not below `base`.
    pub cap: Duration,
    /// How many attempts are made in all; 1 to [`limits::ATTEMPTS`].
    pub attempts: u16,
}

/// A schedule that no delivery may be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetryPolicyError {
    /// More attempts than [`limits::ATTEMPTS`].
    #[error("a retry policy has at most {} waits", limits::ATTEMPTS - 1)]
    TooManyAttempts,
    /// A wait below a second.
    #[error("a wait between attempts is at least 1 second")]
    WaitTooShort,
    /// No attempt at all.
    #[error("a retry policy makes at least 1 attempt")]
    NoAttempts,
    /// A factor that doesn't grow, or that no sane schedule has.
    #[error("the factor of a retry policy is 1 to 100")]
    Factor,
    /// A cap below the first wait.
    #[error("the cap of a retry policy is not below its base")]
    CapBelowBase,
    /// More than [`limits::RETRY_SPAN`] in all.
    #[error("the waits of a retry policy add up to at most 7 days")]
    SpanTooLong,
}

/// A fraction from 0 to 1 that the caller drew, for jitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jitter(f64);

impl Jitter {
    /// No jitter.
    pub const NONE: Self = Self(0.0);

    /// Clamps `fraction` to 0 to 1; what is no number counts as 0.
    #[must_use]
    pub fn new(fraction: f64) -> Self {
        if fraction.is_nan() {
            Self::NONE
        } else {
            Self(fraction.clamp(0.0, 1.0))
        }
    }

    /// The drawn share of `whole`.
    #[must_use]
    pub fn of(self, whole: Duration) -> Duration {
        whole.mul_f64(self.0)
    }
}

/// The most that jitter adds to a wait, as a share of it.
const JITTER: f64 = 0.1;

impl RetryPolicy {
    /// A policy with these waits, in order.
    ///
    /// # Errors
    /// When there are too many, one is under a second, or they add up to more than seven days.
    pub fn from_waits(waits: Vec<Duration>) -> Result<Self, RetryPolicyError> {
        if waits.len() >= usize::from(limits::ATTEMPTS) {
            return Err(RetryPolicyError::TooManyAttempts);
        }
        if waits.iter().any(|wait| *wait < Duration::from_secs(1)) {
            return Err(RetryPolicyError::WaitTooShort);
        }
        let span = waits
            .iter()
            .try_fold(Duration::ZERO, |sum, wait| sum.checked_add(*wait));
        match span {
            Some(span) if span <= limits::RETRY_SPAN => Ok(Self {
                waits: waits.into(),
            }),
            _ => Err(RetryPolicyError::SpanTooLong),
        }
    }

    /// The policy whose waits grow as `schedule` says, each rounded to whole seconds.
    ///
    /// # Errors
    /// When a part of the schedule is out of its bounds, or the waits add up to more than seven
    /// days.
    pub fn exponential(schedule: Exponential) -> Result<Self, RetryPolicyError> {
        let Exponential {
            base,
            factor,
            cap,
            attempts,
        } = schedule;
        if attempts == 0 {
            return Err(RetryPolicyError::NoAttempts);
        }
        if attempts > limits::ATTEMPTS {
            return Err(RetryPolicyError::TooManyAttempts);
        }
        // Written so that what is no number is refused too.
        if !(1.0..=100.0).contains(&factor) {
            return Err(RetryPolicyError::Factor);
        }
        if cap < base {
            return Err(RetryPolicyError::CapBelowBase);
        }
        let longest = cap.min(limits::RETRY_SPAN).as_secs_f64();
        let wait = |number: u16| {
            let grown = base.as_secs_f64() * factor.powi(number.into());
            Duration::from_secs_f64(grown.min(longest).round())
        };
        Self::from_waits((0..attempts - 1).map(wait).collect())
    }

    /// The outage that a delivery survives: all waits, without their jitter.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.waits.iter().sum()
    }

    /// The waits, in order.
    #[must_use]
    pub fn waits(&self) -> &[Duration] {
        &self.waits
    }

    /// The wait after a failed attempt, with up to a tenth of jitter; none when it was the last.
    #[must_use]
    pub fn wait_after(&self, attempt: AttemptNumber, jitter: Jitter) -> Option<Duration> {
        let wait = self.waits.get(usize::from(attempt.get() - 1))?;
        Some(wait.mul_f64(1.0 + JITTER * jitter.0))
    }

    /// The longest wait of the policy: a receiver's `Retry-After` is obeyed up to here.
    #[must_use]
    pub fn cap(&self) -> Duration {
        self.waits.iter().copied().max().unwrap_or(Duration::ZERO)
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        let waits = [
            5,
            30,
            2 * MINUTE,
            10 * MINUTE,
            30 * MINUTE,
            2 * HOUR,
            5 * HOUR,
            10 * HOUR,
            10 * HOUR,
        ];
        Self {
            waits: waits.map(Duration::from_secs).into(),
        }
    }
}

impl TryFrom<Vec<u64>> for RetryPolicy {
    type Error = RetryPolicyError;

    /// Takes waits in seconds.
    fn try_from(seconds: Vec<u64>) -> Result<Self, Self::Error> {
        Self::from_waits(seconds.into_iter().map(Duration::from_secs).collect())
    }
}

impl From<RetryPolicy> for Vec<u64> {
    fn from(policy: RetryPolicy) -> Self {
        policy.waits.iter().map(Duration::as_secs).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attempt(number: u32) -> AttemptNumber {
        AttemptNumber::new(number).unwrap()
    }

    #[test]
    fn the_default_is_ten_attempts_over_about_28_hours() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.waits().len() + 1, 10);
        assert_eq!(policy.span().as_secs() / 3600, 27);
        assert_eq!(
            policy.wait_after(attempt(1), Jitter::NONE),
            Some(Duration::from_secs(5))
        );
        assert_eq!(policy.wait_after(attempt(10), Jitter::NONE), None);
    }

    #[test]
    fn bounds() {
        let seconds = |seconds: &[u64]| RetryPolicy::try_from(seconds.to_vec());
        assert!(seconds(&[]).is_ok());
        assert_eq!(seconds(&[0]), Err(RetryPolicyError::WaitTooShort));
        assert_eq!(
            seconds(&[u64::MAX, u64::MAX]),
            Err(RetryPolicyError::SpanTooLong)
        );
        assert_eq!(
            seconds(&[7 * 24 * 3600, 1]),
            Err(RetryPolicyError::SpanTooLong)
        );
        assert_eq!(seconds(&[1; 100]), Err(RetryPolicyError::TooManyAttempts));
        assert!(seconds(&[1; 99]).is_ok());
    }

    fn schedule(base_s: u64, factor: f64, cap_s: u64, attempts: u16) -> Exponential {
        Exponential {
            base: Duration::from_secs(base_s),
            factor,
            cap: Duration::from_secs(cap_s),
            attempts,
        }
    }

    #[test]
    fn exponential_waits_grow_up_to_the_cap() {
        let policy = RetryPolicy::exponential(schedule(5, 2.5, 60, 6)).unwrap();
        assert_eq!(Vec::from(policy), [5, 13, 31, 60, 60]);
        let once = RetryPolicy::exponential(schedule(1, 1.0, 1, 1)).unwrap();
        assert!(once.waits().is_empty());
    }

    #[rstest::rstest]
    #[case(schedule(5, 2.0, 60, 0), RetryPolicyError::NoAttempts)]
    #[case(schedule(5, 2.0, 60, 101), RetryPolicyError::TooManyAttempts)]
    #[case(schedule(5, 0.9, 60, 5), RetryPolicyError::Factor)]
    #[case(schedule(5, f64::NAN, 60, 5), RetryPolicyError::Factor)]
    #[case(schedule(5, f64::INFINITY, 60, 5), RetryPolicyError::Factor)]
    #[case(schedule(5, 2.0, 4, 5), RetryPolicyError::CapBelowBase)]
    #[case(schedule(0, 2.0, 60, 5), RetryPolicyError::WaitTooShort)]
    #[case(schedule(86_400, 2.0, u64::MAX, 5), RetryPolicyError::SpanTooLong)]
    fn exponential_bounds(#[case] schedule: Exponential, #[case] error: RetryPolicyError) {
        assert_eq!(RetryPolicy::exponential(schedule), Err(error));
    }

    proptest! {
        #[test]
        fn exponential_never_shrinks_and_keeps_its_bounds(
            base_s in 1u64..100_000,
            factor in 1.0..100.0,
            cap_s in 1u64..1_000_000,
            attempts in 1u16..=100,
        ) {
            if let Ok(policy) = RetryPolicy::exponential(schedule(base_s, factor, cap_s, attempts)) {
                prop_assert_eq!(policy.waits().len() + 1, usize::from(attempts));
                prop_assert!(policy.waits().is_sorted());
                prop_assert!(policy.cap() <= Duration::from_secs(cap_s));
                prop_assert!(policy.span() <= limits::RETRY_SPAN);
            }
        }

        #[test]
        fn jitter_only_ever_adds_and_at_most_a_tenth(number in 1u32..=9, fraction: f64) {
            let policy = RetryPolicy::default();
            let plain = policy.wait_after(attempt(number), Jitter::NONE).unwrap();
            let jittered = policy.wait_after(attempt(number), Jitter::new(fraction)).unwrap();
            prop_assert!(jittered >= plain);
            prop_assert!(jittered <= plain.mul_f64(1.1) + Duration::from_micros(1));
        }
    }
}
