//! What ends a batch before it is done.

use broker::Cancelled;
use service::patience::Stopped;

/// A batch can't be finished: fan-out is to stop, or the batch comes again anyway. It is
/// unacknowledged, so nothing of it is lost.
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
