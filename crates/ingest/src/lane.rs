//! The lanes on which accepted events wait for a message to go with.

use broker::topology::Route;
use domain::fairness::Class;
use domain::shard::Shard;

use crate::metrics::Way;

/// By which way an event came, and whether it is above its tenant's share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Requests within their tenant's share.
    Requests,
    /// Messages of the inbox within their tenant's share.
    Inbox,
    /// Requests above it.
    BulkRequests,
    /// Messages of the inbox above it.
    BulkInbox,
}

impl Lane {
    /// Every lane.
    pub(crate) const ALL: [Self; 4] = [
        Self::Requests,
        Self::Inbox,
        Self::BulkRequests,
        Self::BulkInbox,
    ];

    /// The lane of events that came this way.
    pub(crate) const fn of(way: Way, class: Class) -> Self {
        match (way, class) {
            (Way::Http, Class::Normal) => Self::Requests,
            (Way::Http, Class::Bulk) => Self::BulkRequests,
            (Way::Inbox, Class::Normal) => Self::Inbox,
            (Way::Inbox, Class::Bulk) => Self::BulkInbox,
        }
    }

    /// Where its messages go.
    pub(crate) fn route(self, shard: Shard) -> Route {
        match self {
            Self::Requests | Self::Inbox => Route::events(shard),
            Self::BulkRequests | Self::BulkInbox => Route::events_bulk(shard),
        }
    }
}
