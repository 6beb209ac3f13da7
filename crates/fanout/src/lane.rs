//! The lanes of fan-out, and which of them an event belongs on.

use domain::fairness::Class;
use service::{Courtesy, Shares};
use store::events::NewEvent;

/// What a worker does with an event that is above its tenant's share.
#[derive(Debug, Clone)]
pub(crate) enum Lane {
    /// It passes it on to the bulk lane, where it is nobody else's business how many deliveries
    /// come of it.
    Normal(Shares),
    /// It is there already.
    Bulk(Courtesy),
    /// It fans it out. Passed on, what brings the process down would be among others again, and
    /// come back for ever.
    Quarantine,
}

impl Lane {
    /// The lane that this event belongs on; with many deliveries that may be another one.
    pub(crate) fn of(&self, new: &NewEvent) -> Class {
        match self {
            Self::Normal(shares) => shares.judge(new.event.tenant, new.endpoints.len()),
            Self::Bulk(courtesy) => {
                courtesy.bulk(new.event.tenant);
                Class::Bulk
            }
            Self::Quarantine => Class::Normal,
        }
    }

    /// The lane that its deliveries go by.
    pub(crate) const fn class(&self) -> Class {
        match self {
            Self::Normal(_) | Self::Quarantine => Class::Normal,
            Self::Bulk(_) => Class::Bulk,
        }
    }
}
