//! Reports: what the dispatcher tells the record about a delivery.

use std::time::Duration;

use bytes::Bytes;
use time::{Date, OffsetDateTime};

use crate::attempt::AttemptNumber;
use crate::delivery::{DeadReason, Delivery, State};
use crate::event_type::EventType;
use crate::id::{EventId, TenantId};
use crate::outcome::{Failure, Observed};
use crate::trace::TraceContext;

/// Where a delivery stands, and the attempt that brought it there, if one did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The delivery.
    pub delivery: Delivery,
    /// Its event.
    pub event: EventId,
    /// Its event's type.
    pub event_type: EventType,
    /// Whose it is.
    pub tenant: TenantId,
    /// When its event was accepted; the UTC day is the partition of its rows.
    pub accepted_at: OffsetDateTime,
    /// Where it stands now.
    pub standing: Standing,
    /// The attempt that was just made; none when it was put off, held or cancelled.
    pub attempt: Option<AttemptReport>,
    /// When this was so.
    pub at: OffsetDateTime,
    /// The trace of the delivery, empty where it is not recorded.
    pub trace: TraceContext,
}

impl Report {
    /// The partition that the delivery's rows live in: the UTC day of the event's acceptance.
    #[must_use]
    pub fn day(&self) -> Date {
        self.accepted_at.to_utc().date()
    }
}

/// A delivery's state with what the record keeps of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It will be attempted.
    Waiting {
        /// The attempt to come.
        attempt: AttemptNumber,
        /// When, as planned; a queue may add to it.
        next_attempt_at: OffsetDateTime,
    },
    /// Its receiver has it, by this attempt.
    Delivered {
        /// The attempt that succeeded.
        attempt: AttemptNumber,
    },
    /// It was given up.
    Dead {
        /// The last attempt.
        attempt: AttemptNumber,
        /// Why.
        reason: DeadReason,
    },
    /// Its endpoint is paused or disabled.
    Held {
        /// The attempt it will resume with.
        attempt: AttemptNumber,
    },
    /// Its endpoint was deleted.
    Cancelled {
        /// The attempt that was not made.
        attempt: AttemptNumber,
    },
}

impl Standing {
    /// The state alone.
    #[must_use]
    pub const fn state(self) -> State {
        match self {
            Self::Waiting { .. } => State::Waiting,
            Self::Delivered { .. } => State::Delivered,
            Self::Dead { .. } => State::Dead,
            Self::Held { .. } => State::Held,
            Self::Cancelled { .. } => State::Cancelled,
        }
    }

    /// The attempt that the state speaks of.
    #[must_use]
    pub const fn attempt(self) -> AttemptNumber {
        match self {
            Self::Waiting { attempt, .. }
            | Self::Delivered { attempt }
            | Self::Dead { attempt, .. }
            | Self::Held { attempt }
            | Self::Cancelled { attempt } => attempt,
        }
    }

    /// How far the delivery has come, for reports that arrive out of order: the later state of
    /// two has the greater rank.
    ///
    /// Of one attempt, what came of it outranks what was planned for it; and what has arrived
    /// stays delivered whatever a late report says.
    #[must_use]
    pub const fn rank(self) -> u32 {
        let attempt = self.attempt().get() as u32 * 4;
        match self {
            Self::Waiting { .. } => attempt,
            Self::Held { .. } => attempt + 1,
            Self::Cancelled { .. } => attempt + 2,
            Self::Dead { .. } => attempt + 3,
            Self::Delivered { .. } => u32::MAX,
        }
    }
}

/// One attempt as the record keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// Which attempt.
    pub number: AttemptNumber,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// How long it took, up to the end of what was read of the answer.
    pub duration: Duration,
    /// What was seen.
    pub observed: Observed,
    /// The beginning of the answer's body, at most [`crate::limits::ANSWER_BYTES`], as it came.
    pub answer: Bytes,
    /// Whether there was more of it.
    pub extent: Extent,
}

impl AttemptReport {
    /// The status code, where there was an answer.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self.observed {
            Observed::Answered { status, .. } => Some(status),
            Observed::Failed(_) => None,
        }
    }

    /// Why there was no answer, where there was none.
    #[must_use]
    pub const fn failure(&self) -> Option<Failure> {
        match self.observed {
            Observed::Answered { .. } => None,
            Observed::Failed(failure) => Some(failure),
        }
    }
}

/// Whether a kept text is all there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// It is all.
    Whole,
    /// There was more.
    Truncated,
}
