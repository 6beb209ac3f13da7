//! What Posthaste tells the platform of its own accord: operational events.
//!
//! They are events like any other, of the tenant [`TenantId::PLATFORM`](crate::id::TenantId), and
//! reach the platform's endpoints by the same way as its customers' events reach theirs.

use crate::event_type::EventType;

/// A kind of operational event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operational {
    /// An endpoint has given nothing but failures for a while.
    EndpointFailing,
    /// An endpoint that was told as failing has taken a delivery again.
    EndpointRecovered,
    /// Posthaste has stopped sending to an endpoint.
    EndpointDisabled,
    /// Every attempt of a delivery has failed.
    DeliveryExhausted,
    /// A replay has come to its end.
    ReplayFinished,
}

impl Operational {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::EndpointFailing,
        Self::EndpointRecovered,
        Self::EndpointDisabled,
        Self::DeliveryExhausted,
        Self::ReplayFinished,
    ];

    /// The name of its event type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndpointFailing => "endpoint.failing",
            Self::EndpointRecovered => "endpoint.recovered",
            Self::EndpointDisabled => "endpoint.disabled",
            Self::DeliveryExhausted => "delivery.exhausted",
            Self::ReplayFinished => "replay.finished",
        }
    }

    /// Its event type.
    #[must_use]
    pub fn event_type(self) -> EventType {
        let parsed = self.as_str().parse();
        parsed.expect("the names of operational events are event types")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_an_event_type_of_its_own() {
        let mut types: Vec<_> = Operational::ALL.map(Operational::event_type).into();
        types.sort_unstable();
        types.dedup();
        assert_eq!(types.len(), Operational::ALL.len());
    }
}
