//! Why a publish did not succeed.

use thiserror::Error;

/// Why a publish did not succeed; what is known about the message afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PublishError {
    /// No queue is bound for its route: it is nowhere. The topology is not what it should be.
    #[error("no queue is bound for the message's route")]
    Unroutable,
    /// The queue refused it, being full: it is nowhere. Try again later.
    #[error("the queue is full")]
    Refused,
    /// It was sent, and its confirm did not come in time: it may be stored. Publishing it again
    /// may store it twice.
    #[error("the broker did not confirm the message in time")]
    Unknown,
    /// There was no connection, or it was blocked by an alarm, all the time: it was not sent.
    #[error("the broker can't be reached, or takes no messages")]
    Unavailable,
}

impl PublishError {
    /// Every reason.
    pub(crate) const ALL: [Self; 4] = [
        Self::Unroutable,
        Self::Refused,
        Self::Unknown,
        Self::Unavailable,
    ];

    /// The name in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unroutable => "unroutable",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The caller's token was cancelled before the broker had confirmed; the message may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("cancelled before the broker confirmed the message")]
pub struct Cancelled;
