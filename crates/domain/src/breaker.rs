//! Circuit breakers as the record and the API know them: one for each endpoint in each dispatcher.

use std::time::Duration;

use time::OffsetDateTime;

use crate::id::{DispatcherId, EndpointId};

/// How long what a dispatcher said of a breaker counts beyond its time. A dispatcher that lives
/// has probed or forgotten the endpoint by then, so one that said nothing more has ended.
pub const KEPT: Duration = Duration::from_secs(10 * 60);

/// Whether an endpoint's deliveries are attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BreakerState {
    /// They are.
    Closed,
    /// A few are, to see whether it is well again.
    HalfOpen,
    /// None is before this instant.
    Open {
        /// When the next are, to see whether it is well again.
        retry_at: OffsetDateTime,
    },
}

impl BreakerState {
    /// The name in the record, the API and the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open { .. } => "open",
        }
    }

    /// When an open one lets attempts through again.
    #[must_use]
    pub const fn retry_at(self) -> Option<OffsetDateTime> {
        match self {
            Self::Open { retry_at } => Some(retry_at),
            Self::Closed | Self::HalfOpen => None,
        }
    }
}

/// A state, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerStanding {
    /// The state.
    pub state: BreakerState,
    /// Since when.
    pub since: OffsetDateTime,
}

impl BreakerStanding {
    /// Whether it still counts at `now`.
    #[must_use]
    pub fn counts(self, now: OffsetDateTime) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::HalfOpen => now < self.since.saturating_add(kept()),
            BreakerState::Open { retry_at } => now < retry_at.saturating_add(kept()),
        }
    }
}

fn kept() -> time::Duration {
    time::Duration::try_from(KEPT).unwrap_or(time::Duration::MAX)
}

/// What a dispatcher tells the record when a breaker of its own has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerNotice {
    /// Whose breaker.
    pub endpoint: EndpointId,
    /// In which dispatcher.
    pub dispatcher: DispatcherId,
    /// What it is now.
    pub standing: BreakerStanding,
}

/// What several dispatchers have said of one endpoint, as one.
///
/// The worst counts, since a share of the deliveries waits for it: open before half-open before
/// closed. Of several in that state it is since the earliest, and tried again at the earliest.
/// None when nobody has said anything that still counts.
#[must_use]
pub fn together(
    said: impl IntoIterator<Item = BreakerStanding>,
    now: OffsetDateTime,
) -> Option<BreakerStanding> {
    said.into_iter()
        .filter(|one| one.counts(now))
        .reduce(|one, other| {
            let since = one.since.min(other.since);
            match (one.state, other.state) {
                (BreakerState::Open { retry_at: a }, BreakerState::Open { retry_at: b }) => {
                    let retry_at = a.min(b);
                    BreakerStanding {
                        state: BreakerState::Open { retry_at },
                        since,
                    }
                }
                (state, same) if state == same => BreakerStanding { state, since },
                (state, worse) if state < worse => other,
                _ => one,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(second).unwrap()
    }

    fn open(since: i64, retry_at: i64) -> BreakerStanding {
        BreakerStanding {
            state: BreakerState::Open {
                retry_at: at(retry_at),
            },
            since: at(since),
        }
    }

    fn half_open(since: i64) -> BreakerStanding {
        BreakerStanding {
            state: BreakerState::HalfOpen,
            since: at(since),
        }
    }

    fn closed(since: i64) -> BreakerStanding {
        BreakerStanding {
            state: BreakerState::Closed,
            since: at(since),
        }
    }

    #[test]
    fn the_worst_counts() {
        let said = [closed(9), half_open(5), open(7, 30), open(6, 40)];
        assert_eq!(together(said, at(10)), Some(open(6, 30)));
        assert_eq!(
            together([closed(9), half_open(5)], at(10)),
            Some(half_open(5))
        );
        assert_eq!(together([closed(9), closed(3)], at(10)), Some(closed(3)));
        assert_eq!(together([], at(10)), None);
    }

    #[test]
    fn what_a_dead_dispatcher_said_ends_to_count() {
        let kept = i64::try_from(KEPT.as_secs()).unwrap();
        let said = || [open(0, 30), closed(4)];
        assert_eq!(together(said(), at(29 + kept)), Some(open(0, 30)));
        assert_eq!(together(said(), at(30 + kept)), Some(closed(4)));
        assert_eq!(together([half_open(0)], at(kept)), None);
    }
}
