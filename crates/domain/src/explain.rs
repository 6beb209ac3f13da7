//! Why an event was or wasn't sent to an endpoint, from what the record knows of both.

use std::fmt;

use time::OffsetDateTime;

use crate::delivery::DeadReason;
use crate::endpoint::EndpointState;
use crate::report::Standing;
use crate::selection::Judgement;

/// An event and an endpoint of its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// When the event was accepted; it was matched right after, or as soon as the record answered.
    pub accepted_at: OffsetDateTime,
    /// What fan-out wrote down when it matched the event.
    pub matching: Matching,
    /// How its latest delivery to the endpoint stands, and since when; none before the first
    /// report.
    pub delivery: Option<(Standing, OffsetDateTime)>,
    /// The endpoint.
    pub endpoint: Subject,
    /// What the endpoint's settings of today say of the event.
    pub judgement: Judgement,
}

/// What fan-out wrote down of an event and an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// The endpoint selected the event.
    Matched,
    /// It did not, or was not there.
    NotMatched,
}

/// An endpoint as an explanation sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Whether deliveries to it are made today.
    pub state: EndpointState,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was deleted, if it was.
    pub deleted_at: Option<OffsetDateTime>,
    /// Since when it selects what it selects today.
    pub selects_since: OffsetDateTime,
}

/// Why an event was or wasn't sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It matched, and nothing has been reported of its delivery yet.
    UnderWay,
    /// Its receiver has it.
    Delivered {
        /// Since when, by the recorder's word.
        at: OffsetDateTime,
    },
    /// Its next attempt is planned.
    Waiting {
        /// For when.
        until: OffsetDateTime,
    },
    /// It is kept back.
    Held(Hold),
    /// It was given up.
    Dead(DeadReason),
    /// Its endpoint was deleted before it arrived.
    Cancelled,
    /// It was not sent: the endpoint was made after the event was accepted.
    CreatedLater,
    /// It was not sent: the endpoint was deleted before the event was matched.
    DeletedBefore,
    /// It was not sent: this is what the settings say of it. They may select it today.
    NotSelected(Judgement, Basis),
}

/// What keeps a delivery back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Its owner paused the endpoint.
    Paused,
    /// The endpoint is disabled.
    Disabled,
    /// Nothing any more: its turn to be released comes.
    Releasing,
    /// The endpoint was deleted: it is about to be cancelled.
    Deleted,
}

/// Which settings an explanation goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Those that held when the event was accepted.
    Then,
    /// Those of today, which are not those of then.
    ChangedSince(OffsetDateTime),
}

impl Case {
    /// Why the event was or wasn't sent. What was recorded comes before what is concluded.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match (self.delivery, self.matching) {
            (Some((standing, since)), _) => self.of_delivery(standing, since),
            (None, Matching::Matched) => Reason::UnderWay,
            (None, Matching::NotMatched) => self.of_settings(),
        }
    }

    fn of_delivery(&self, standing: Standing, since: OffsetDateTime) -> Reason {
        match standing {
            Standing::Delivered { .. } => Reason::Delivered { at: since },
            Standing::Waiting {
                next_attempt_at, ..
            } => Reason::Waiting {
                until: next_attempt_at,
            },
            Standing::Held { .. } => Reason::Held(self.hold()),
            Standing::Dead { reason, .. } => Reason::Dead(reason),
            Standing::Cancelled { .. } => Reason::Cancelled,
        }
    }

    fn hold(&self) -> Hold {
        match (self.endpoint.deleted_at, self.endpoint.state) {
            (Some(_), _) => Hold::Deleted,
            (None, EndpointState::Paused) => Hold::Paused,
            (None, EndpointState::Disabled) => Hold::Disabled,
            (None, EndpointState::Enabled) => Hold::Releasing,
        }
    }

    fn of_settings(&self) -> Reason {
        let Subject {
            created_at,
            deleted_at,
            selects_since,
            ..
        } = self.endpoint;
        if created_at > self.accepted_at {
            return Reason::CreatedLater;
        }
        // Between its acceptance and its matching an event may have to wait for the record.
        let selects = self.judgement == Judgement::Selected;
        if deleted_at.is_some_and(|at| at <= self.accepted_at || selects) {
            return Reason::DeletedBefore;
        }
        let basis = if selects_since > self.accepted_at {
            Basis::ChangedSince(selects_since)
        } else {
            Basis::Then
        };
        Reason::NotSelected(self.judgement, basis)
    }
}

impl Reason {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnderWay => "under_way",
            Self::Delivered { .. } => "delivered",
            Self::Waiting { .. } => "waiting",
            Self::Held(Hold::Paused) => "held_paused",
            Self::Held(Hold::Disabled) => "held_disabled",
            Self::Held(Hold::Releasing) => "held_releasing",
            Self::Held(Hold::Deleted) => "held_deleted",
            Self::Dead(_) => "dead",
            Self::Cancelled => "cancelled",
            Self::CreatedLater => "created_later",
            Self::DeletedBefore => "deleted_before",
            Self::NotSelected(judgement, _) => judgement.as_str(),
        }
    }

    /// The settings that it goes by, where it goes by settings.
    #[must_use]
    pub const fn basis(self) -> Option<Basis> {
        match self {
            Self::NotSelected(_, basis) => Some(basis),
            Self::UnderWay
            | Self::Delivered { .. }
            | Self::Waiting { .. }
            | Self::Held(_)
            | Self::Dead(_)
            | Self::Cancelled
            | Self::CreatedLater
            | Self::DeletedBefore => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay => f.write_str("it matched, and its delivery has not reported yet")?,
            Self::Delivered { .. } => f.write_str("it was delivered")?,
            Self::Waiting { .. } => f.write_str("it waits for its next attempt")?,
            Self::Held(Hold::Paused) => f.write_str("it is held: the endpoint is paused")?,
            Self::Held(Hold::Disabled) => f.write_str("it is held: the endpoint is disabled")?,
            Self::Held(Hold::Releasing) => {
                f.write_str("it was held and is about to be released")?;
            }
            Self::Held(Hold::Deleted) => {
                f.write_str("it was held and is about to be cancelled: the endpoint was deleted")?;
            }
            Self::Dead(reason) => write!(f, "it was given up: {}", reason.as_str())?,
            Self::Cancelled => f.write_str("it was cancelled: the endpoint was deleted")?,
            Self::CreatedLater => {
                f.write_str("the endpoint was made after the event was accepted")?;
            }
            Self::DeletedBefore => {
                f.write_str("the endpoint was deleted before the event was fanned out")?;
            }
            Self::NotSelected(Judgement::Selected, Basis::Then) => f.write_str(
                "the endpoint selects it, and has not changed since: another version of the \
                 program matched it, or the services' clocks differ",
            )?,
            Self::NotSelected(judgement, _) => write!(f, "{judgement}")?,
        }
        match self.basis() {
            Some(Basis::ChangedSince(_)) => f.write_str(
                "; what the endpoint selects was changed after the event was accepted, so this \
                 is by its settings of today",
            ),
            Some(Basis::Then) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;
    use time::macros::datetime;

    use super::*;
    use crate::attempt::AttemptNumber;
    use crate::selection::Unjudged;

    const BEFORE: OffsetDateTime = datetime!(2024-01-15 10:00 UTC);
    const ACCEPTED: OffsetDateTime = datetime!(2024-01-15 10:30 UTC);
    const AFTER: OffsetDateTime = datetime!(2024-01-15 11:00 UTC);
    const FIRST: AttemptNumber = AttemptNumber::FIRST;

    /// An event that did not match an endpoint that was there, and why not.
    fn unmatched(judgement: Judgement) -> Case {
        Case {
            accepted_at: ACCEPTED,
            matching: Matching::NotMatched,
            delivery: None,
            endpoint: Subject {
                state: EndpointState::Enabled,
                created_at: BEFORE,
                deleted_at: None,
                selects_since: BEFORE,
            },
            judgement,
        }
    }

    fn matched(standing: Standing, state: EndpointState) -> Case {
        let mut case = unmatched(Judgement::Selected);
        case.matching = Matching::Matched;
        case.delivery = Some((standing, AFTER));
        case.endpoint.state = state;
        case
    }

    #[rstest]
    #[case(Judgement::OtherType, "type_not_selected")]
    #[case(Judgement::OtherChannels, "channel_not_selected")]
    #[case(Judgement::Filtered, "filter_false")]
    #[case(Judgement::Unknown(Unjudged::Filter), "filter_unknown")]
    #[case(Judgement::Selected, "selected")]
    fn without_a_match_the_settings_tell(#[case] judgement: Judgement, #[case] name: &str) {
        let reason = unmatched(judgement).reason();
        assert_eq!(reason, Reason::NotSelected(judgement, Basis::Then));
        assert_eq!(reason.as_str(), name);
    }

    #[test]
    fn settings_that_changed_since_are_named() {
        let mut case = unmatched(Judgement::Filtered);
        case.endpoint.selects_since = AFTER;
        let reason = case.reason();
        let basis = Basis::ChangedSince(AFTER);
        assert_eq!(reason, Reason::NotSelected(Judgement::Filtered, basis));
        assert!(
            reason.to_string().ends_with("settings of today"),
            "{reason}"
        );
    }

    #[test]
    fn an_endpoint_that_was_not_there_needs_no_settings() {
        let mut later = unmatched(Judgement::Selected);
        later.endpoint.created_at = AFTER;
        later.endpoint.selects_since = AFTER;
        assert_eq!(later.reason(), Reason::CreatedLater);
        let mut gone = unmatched(Judgement::Selected);
        gone.endpoint.deleted_at = Some(BEFORE);
        assert_eq!(gone.reason(), Reason::DeletedBefore);
        // Deleted between acceptance and matching, or after both.
        gone.endpoint.deleted_at = Some(AFTER);
        assert_eq!(gone.reason(), Reason::DeletedBefore);
        gone.judgement = Judgement::Filtered;
        let filtered = Reason::NotSelected(Judgement::Filtered, Basis::Then);
        assert_eq!(gone.reason(), filtered);
    }

    #[rstest]
    #[case(EndpointState::Paused, Hold::Paused)]
    #[case(EndpointState::Disabled, Hold::Disabled)]
    #[case(EndpointState::Enabled, Hold::Releasing)]
    fn held_says_by_what(#[case] state: EndpointState, #[case] hold: Hold) {
        let case = matched(Standing::Held { attempt: FIRST }, state);
        assert_eq!(case.reason(), Reason::Held(hold));
        let mut deleted = case;
        deleted.endpoint.deleted_at = Some(AFTER);
        assert_eq!(deleted.reason(), Reason::Held(Hold::Deleted));
    }

    #[test]
    fn what_was_recorded_comes_first() {
        let (enabled, attempt) = (EndpointState::Enabled, FIRST);
        let delivered = matched(Standing::Delivered { attempt }, enabled);
        assert_eq!(delivered.reason(), Reason::Delivered { at: AFTER });
        // Whatever has become of the endpoint since.
        let mut changed = delivered;
        changed.endpoint.selects_since = AFTER;
        changed.endpoint.deleted_at = Some(AFTER);
        changed.judgement = Judgement::OtherType;
        assert_eq!(changed.reason(), Reason::Delivered { at: AFTER });
        // A replay of what did not match is a delivery too.
        let mut replayed = delivered;
        replayed.matching = Matching::NotMatched;
        assert_eq!(replayed.reason(), Reason::Delivered { at: AFTER });
        let mut silent = delivered;
        silent.delivery = None;
        assert_eq!(silent.reason(), Reason::UnderWay);
        let dead = Standing::Dead {
            attempt,
            reason: DeadReason::Exhausted,
        };
        let reason = matched(dead, enabled).reason();
        assert_eq!(reason, Reason::Dead(DeadReason::Exhausted));
        let waiting = Standing::Waiting {
            attempt,
            next_attempt_at: AFTER,
        };
        let reason = matched(waiting, enabled).reason();
        assert_eq!(reason, Reason::Waiting { until: AFTER });
        let cancelled = matched(Standing::Cancelled { attempt }, enabled);
        assert_eq!(cancelled.reason(), Reason::Cancelled);
    }

    #[test]
    fn names_tell_reasons_apart() {
        let reasons = [
            Reason::UnderWay,
            Reason::Delivered { at: AFTER },
            Reason::Waiting { until: AFTER },
            Reason::Held(Hold::Paused),
            Reason::Held(Hold::Disabled),
            Reason::Held(Hold::Releasing),
            Reason::Held(Hold::Deleted),
            Reason::Dead(DeadReason::Gone),
            Reason::Cancelled,
            Reason::CreatedLater,
            Reason::DeletedBefore,
            Reason::NotSelected(Judgement::Filtered, Basis::Then),
        ];
        let names: BTreeSet<_> = reasons.iter().map(|one| one.as_str()).collect();
        assert_eq!(names.len(), reasons.len());
    }
}
