//! What ends a batch before it is done.

use broker::Cancelled;
use service::patience::Stopped;

/// Told to stop while the record or the broker was away. What was held is unacknowledged and comes
/// back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interrupted;

impl From<Cancelled> for Interrupted {
    fn from(Cancelled: Cancelled) -> Self {
        Self
    }
}

impl From<Stopped> for Interrupted {
    fn from(Stopped: Stopped) -> Self {
        Self
    }
}
