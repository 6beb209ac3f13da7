//! An endpoint's health: what its attempts say of it.
//!
//! Reports come late, twice and in any order, so everything goes by when an attempt began. A
//! success ends all failures that began before it, and a failure that began before the last
//! success says nothing.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

use crate::outcome::{Failure, Observed, Outcome, classify};

/// What is known of an endpoint's attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// When the last attempt began that succeeded.
    pub last_success_at: Option<OffsetDateTime>,
    /// The last attempt that failed.
    pub last_failure: Option<Failed>,
    /// When the first attempt began that failed after the last success; none for an endpoint
    /// whose last attempt succeeded, or that has had none.
    pub failing_since: Option<OffsetDateTime>,
    /// How many have failed since then.
    pub failures: u32,
}

/// An attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// When it began.
    pub at: OffsetDateTime,
    /// Why it failed.
    pub reason: Reason,
}

/// Why an attempt failed. Its text is what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An answer of this status.
    Answered(u16),
    /// No answer.
    NoAnswer(Failure),
}

impl Reason {
    /// Why it failed; none when it succeeded.
    #[must_use]
    pub fn of(observed: Observed) -> Option<Self> {
        match (classify(observed), observed) {
            (Outcome::Delivered, _) => None,
            (Outcome::Gone | Outcome::Failed { .. }, Observed::Answered { status, .. }) => {
                Some(Self::Answered(status))
            }
            (Outcome::Gone | Outcome::Failed { .. }, Observed::Failed(failure)) => {
                Some(Self::NoAnswer(failure))
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "answered {status}"),
            Self::NoAnswer(failure) => f.write_str(&failure.as_str().replace('_', " ")),
        }
    }
}

/// Attempts whose reports came together, each of them new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// When the last of them began that succeeded.
    pub success: Option<OffsetDateTime>,
    /// Those that failed, in any order.
    pub failures: Vec<Failed>,
}

impl Seen {
    /// Takes an attempt in.
    pub fn take(&mut self, at: OffsetDateTime, observed: Observed) {
        match Reason::of(observed) {
            None => self.success = self.success.max(Some(at)),
            Some(reason) => self.failures.push(Failed { at, reason }),
        }
    }
}

impl Health {
    /// What is known after these attempts.
    ///
    /// A success among failures that are known by their number alone keeps the last of them and
    /// forgets the others: an endpoint is never said to fail for longer than it does.
    #[must_use]
    pub fn after(self, seen: &Seen) -> Self {
        let last_success_at = self.last_success_at.max(seen.success);
        let is_after = |at: OffsetDateTime| last_success_at.is_none_or(|success| at > success);
        let (mut failing_since, mut failures) = match (self.failing_since, self.last_failure) {
            (Some(since), _) if is_after(since) => (Some(since), self.failures),
            (Some(_), Some(last)) if is_after(last.at) => (Some(last.at), 1),
            _ => (None, 0),
        };
        let mut last_failure = self.last_failure;
        for failed in &seen.failures {
            if is_after(failed.at) {
                failing_since = Some(failing_since.map_or(failed.at, |at| at.min(failed.at)));
                failures = failures.saturating_add(1);
            }
            if last_failure.is_none_or(|last| last.at <= failed.at) {
                last_failure = Some(*failed);
            }
        }
        Self {
            last_success_at,
            last_failure,
            failing_since,
            failures,
        }
    }
}

/// When the platform is told that an endpoint is failing: after so many failures in a row that
/// took so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailingRule {
    /// How many attempts must have failed.
    pub attempts: u32,
    /// How long there must be between the first of them and the last.
    pub lasting: Duration,
}

impl Default for FailingRule {
    /// Five failures over five minutes: more than a restart takes, and than one bad event makes.
    fn default() -> Self {
        Self {
            attempts: 5,
            lasting: Duration::from_secs(5 * 60),
        }
    }
}

/// When an endpoint is disabled: after nothing but failures for so long, and so many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisableRule {
    /// How many attempts must have failed.
    pub attempts: u32,
    /// How long ago the first of them must have begun.
    pub after: Duration,
}

impl DisableRule {
    /// How recent the last failure must be: an endpoint that nothing was sent to any more is left
    /// alone. Longer than the longest wait between attempts of the default policy.
    pub const RECENT: Duration = Duration::from_secs(24 * 60 * 60);
}

impl Default for DisableRule {
    /// Ten failures over five days.
    fn default() -> Self {
        Self {
            attempts: 10,
            after: Duration::from_secs(5 * 24 * 60 * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(second)
    }

    fn answered(status: u16) -> Observed {
        Observed::Answered {
            status,
            retry_after: None,
        }
    }

    fn seen(attempts: &[(i64, u16)]) -> Seen {
        let mut seen = Seen::default();
        for (second, status) in attempts {
            seen.take(at(*second), answered(*status));
        }
        seen
    }

    fn after(attempts: &[(i64, u16)]) -> Health {
        attempts.iter().fold(Health::default(), |health, one| {
            health.after(&seen(std::slice::from_ref(one)))
        })
    }

    #[test]
    fn failures_are_counted_from_the_first_after_a_success() {
        let health = after(&[(1, 500), (2, 200), (3, 503), (4, 410)]);
        assert_eq!(health.failing_since, Some(at(3)));
        assert_eq!((health.failures, health.last_success_at), (2, Some(at(2))));
        let last = health.last_failure.unwrap();
        assert_eq!((last.at, last.reason), (at(4), Reason::Answered(410)));
        let well = health.after(&seen(&[(5, 204)]));
        assert_eq!((well.failing_since, well.failures), (None, 0));
        assert_eq!(well.last_failure, health.last_failure);
    }

    #[test]
    fn a_late_failure_says_nothing() {
        let health = after(&[(10, 200), (5, 500)]);
        assert_eq!((health.failing_since, health.failures), (None, 0));
        assert_eq!(health.last_failure.unwrap().at, at(5));
    }

    #[test]
    fn a_late_success_ends_what_was_before_it_alone() {
        let health = after(&[(1, 500), (2, 500), (9, 500), (5, 200)]);
        assert_eq!((health.failing_since, health.failures), (Some(at(9)), 1));
    }

    #[test]
    fn reasons_are_words() {
        let refused = Observed::Failed(Failure::ConnectionRefused);
        assert_eq!(
            Reason::of(refused).unwrap().to_string(),
            "connection refused"
        );
        assert_eq!(
            Reason::of(answered(503)).unwrap().to_string(),
            "answered 503"
        );
        assert_eq!(Reason::of(answered(204)), None);
    }

    /// Attempts at instants of their own.
    fn attempts() -> impl Strategy<Value = Vec<(i64, u16)>> {
        let status = prop_oneof![Just(200u16), Just(500)];
        proptest::collection::btree_map(0i64..40, status, 0..12)
            .prop_map(|attempts| attempts.into_iter().collect())
    }

    proptest! {
        #[test]
        fn one_by_one_in_order_is_the_same_as_together(attempts in attempts()) {
            let together = Health::default().after(&seen(&attempts));
            prop_assert_eq!(after(&attempts), together);
        }

        #[test]
        fn no_order_makes_an_endpoint_fail_for_longer_than_it_does(
            attempts in attempts(),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 12),
        ) {
            let truth = after(&attempts);
            let mut left = attempts;
            let mut shuffled = Vec::new();
            for index in order {
                if !left.is_empty() {
                    shuffled.push(left.remove(index.index(left.len())));
                }
            }
            let health = after(&shuffled);
            prop_assert_eq!(health.last_success_at, truth.last_success_at);
            prop_assert_eq!(health.last_failure, truth.last_failure);
            prop_assert_eq!(health.failing_since.is_some(), truth.failing_since.is_some());
            prop_assert!(health.failing_since >= truth.failing_since);
            prop_assert!(health.failures <= truth.failures);
        }
    }
}
