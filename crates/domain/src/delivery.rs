//! The states of a delivery and what may follow each.
//!
//! ```text
//! Due ──attempt──> Delivered
//!  │ ^     ├─────> Dead (exhausted, gone, poison)
//!  │ │     └─────> Waiting ──its wait has passed──┐
//!  │ └────────────────────────────────────────────┘
//!  ├─ endpoint paused or disabled ──> Held ──released──> Due
//!  └─ endpoint deleted ──> Cancelled
//! ```
//!
//! Each state is a type and a transition consumes it, so a settled delivery can't be attempted
//! and an attempt can't be counted twice.

use std::time::Duration;

use crate::attempt::{AttemptNumber, Trigger};
use crate::id::{DeliveryId, EndpointId};
use crate::outcome::Outcome;
use crate::retry::{Jitter, RetryPolicy};
use crate::tier::Wait;

/// What names a delivery and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The delivery.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint: EndpointId,
    /// Why it exists.
    pub trigger: Trigger,
    /// The delivery that a replay repeats.
    pub replay_of: Option<DeliveryId>,
}

/// A delivery whose next attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The delivery.
    pub delivery: Delivery,
    /// The attempt to make.
    pub attempt: AttemptNumber,
}

/// A delivery that waits for its next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The delivery.
    pub delivery: Delivery,
    /// The attempt it waits for.
    pub attempt: AttemptNumber,
    /// How long it waits.
    pub wait: Wait,
}

/// A delivery that its receiver has answered with success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// The delivery.
    pub delivery: Delivery,
    /// The attempt that succeeded.
    pub attempt: AttemptNumber,
}

/// A delivery that nothing more will be done for, unless somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dead {
    /// The delivery.
    pub delivery: Delivery,
    /// The last attempt.
    pub attempt: AttemptNumber,
    /// Why it was given up.
    pub reason: DeadReason,
}

/// Why a delivery was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadReason {
    /// Every attempt of its policy failed.
    Exhausted,
    /// The receiver answered 410.
    Gone,
    /// Working on it failed again and again, and its message is a dead letter.
    Poison,
}

impl DeadReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Exhausted, Self::Gone, Self::Poison];

    /// The reason of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Gone => "gone",
            Self::Poison => "poison",
        }
    }
}

/// A delivery kept back while its endpoint is paused or disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The delivery.
    pub delivery: Delivery,
    /// The attempt it will resume with.
    pub attempt: AttemptNumber,
}

/// A delivery whose endpoint was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// The delivery.
    pub delivery: Delivery,
    /// The attempt that was not made.
    pub attempt: AttemptNumber,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It arrived.
    Delivered(Delivered),
    /// It will be tried again.
    Waiting(Waiting),
    /// It was given up.
    Dead(Dead),
}

impl Due {
    /// What follows the attempt that ended with `outcome`.
    ///
    /// A receiver's `Retry-After` lengthens the policy's wait and never shortens it, and is
    /// obeyed up to the policy's longest wait.
    #[must_use]
    pub fn settle(self, outcome: Outcome, policy: &RetryPolicy, jitter: Jitter) -> Settled {
        let Self { delivery, attempt } = self;
        let dead = |reason| {
            Settled::Dead(Dead {
                delivery,
                attempt,
                reason,
            })
        };
        match outcome {
            Outcome::Delivered => Settled::Delivered(Delivered { delivery, attempt }),
            Outcome::Gone => dead(DeadReason::Gone),
            Outcome::Failed { retry_after, .. } => {
                let Some(wait) = policy.wait_after(attempt, jitter) else {
                    return dead(DeadReason::Exhausted);
                };
                let asked = retry_after.unwrap_or(Duration::ZERO).min(policy.cap());
                let wait = Wait::new(wait.max(asked));
                Settled::Waiting(Waiting {
                    delivery,
                    attempt: attempt.next(),
                    wait,
                })
            }
        }
    }

    /// Puts the attempt off without counting it.
    #[must_use]
    pub fn put_off(self, wait: Duration) -> Waiting {
        let Self { delivery, attempt } = self;
        Waiting {
            delivery,
            attempt,
            wait: Wait::new(wait),
        }
    }

    /// Keeps the delivery back until its endpoint is enabled again.
    #[must_use]
    pub fn hold(self) -> Held {
        let Self { delivery, attempt } = self;
        Held { delivery, attempt }
    }

    /// Ends the delivery because its endpoint was deleted.
    #[must_use]
    pub fn cancel(self) -> Cancelled {
        let Self { delivery, attempt } = self;
        Cancelled { delivery, attempt }
    }
}

impl Held {
    /// Resumes where the delivery was held.
    #[must_use]
    pub fn release(self) -> Due {
        let Self { delivery, attempt } = self;
        Due { delivery, attempt }
    }
}

impl Waiting {
    /// The wait has passed.
    #[must_use]
    pub fn due(self) -> Due {
        let Self {
            delivery, attempt, ..
        } = self;
        Due { delivery, attempt }
    }
}

/// A delivery's state as the record and the API name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It will be attempted.
    Waiting,
    /// Its receiver has it.
    Delivered,
    /// It was given up.
    Dead,
    /// Its endpoint is paused or disabled.
    Held,
    /// Its endpoint was deleted.
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Delivered,
        Self::Dead,
        Self::Held,
        Self::Cancelled,
    ];

    /// The name in the record and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::outcome::Pressure;

    fn due() -> Due {
        let delivery = Delivery {
            id: DeliveryId::from_uuid(Uuid::nil()),
            endpoint: EndpointId::from_uuid(Uuid::nil()),
            trigger: Trigger::Automatic,
            replay_of: None,
        };
        Due {
            delivery,
            attempt: AttemptNumber::FIRST,
        }
    }

    fn failed(retry_after: Option<Duration>) -> Outcome {
        Outcome::Failed {
            retry_after,
            pressure: Pressure::None,
        }
    }

    #[test]
    fn an_endpoint_that_never_answers_is_tried_ten_times() {
        let policy = RetryPolicy::default();
        let (mut due, mut attempts) = (due(), 1);
        let dead = loop {
            match due.settle(failed(None), &policy, Jitter::NONE) {
                Settled::Waiting(waiting) => due = waiting.due(),
                Settled::Dead(dead) => break dead,
                Settled::Delivered(_) => unreachable!("it failed"),
            }
            attempts += 1;
        };
        assert_eq!(
            (attempts, dead.attempt.get(), dead.reason),
            (10, 10, DeadReason::Exhausted)
        );
    }

    #[test]
    fn putting_off_counts_no_attempt() {
        let waiting = due().put_off(Duration::from_secs(30));
        assert_eq!(waiting.due(), due());
        assert_eq!(due().hold().release(), due());
    }

    #[test]
    fn states_have_names_of_their_own() {
        for state in State::ALL {
            assert_eq!(State::from_name(state.as_str()), Some(state));
        }
    }

    proptest! {
        #[test]
        fn retry_after_never_shortens_and_is_clamped(seconds: u64, fraction in 0.0..1.0) {
            let policy = RetryPolicy::default();
            let jitter = Jitter::new(fraction);
            let outcome = failed(Some(Duration::from_secs(seconds)));
            let Settled::Waiting(waiting) = due().settle(outcome, &policy, jitter) else {
                panic!("the first of ten attempts was the last")
            };
            let plain = policy.wait_after(AttemptNumber::FIRST, jitter).unwrap();
            prop_assert!(waiting.wait.total() >= plain);
            prop_assert!(waiting.wait.total() <= policy.cap());
            prop_assert!(waiting.wait.total() >= Duration::from_secs(seconds).min(policy.cap()));
        }
    }
}
