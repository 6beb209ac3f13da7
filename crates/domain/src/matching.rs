//! Which endpoints an event goes to: a look-up by event type, not a scan.

use std::collections::HashMap;

use crate::endpoint::Subscription;
use crate::event::Channel;
use crate::event_type::{EventType, EventTypePattern};
use crate::id::EndpointId;

/// One tenant's subscriptions, indexed by what they select.
#[derive(Debug, Default)]
pub struct SubscriptionIndex {
    subscriptions: Vec<Subscription>,
    /// Positions in `subscriptions`, by event type.
    exact: HashMap<EventType, Vec<usize>>,
    /// Positions by the words that an event type must begin with.
    below: HashMap<Box<str>, Vec<usize>>,
    /// Positions of those that select every type.
    all: Vec<usize>,
}

impl SubscriptionIndex {
    /// Indexes a tenant's subscriptions.
    #[must_use]
    pub fn new(subscriptions: Vec<Subscription>) -> Self {
        let mut index = Self::default();
        for (position, subscription) in subscriptions.iter().enumerate() {
            for pattern in &subscription.event_types {
                let positions = match pattern {
                    EventTypePattern::All => &mut index.all,
                    EventTypePattern::Below(prefix) => {
                        index.below.entry(prefix.as_str().into()).or_default()
                    }
                    EventTypePattern::Exactly(exact) => {
                        index.exact.entry(exact.clone()).or_default()
                    }
                };
                positions.push(position);
            }
        }
        index.subscriptions = subscriptions;
        index
    }

    /// The endpoints that select an event, each once, in the order of their ids.
    #[must_use]
    pub fn matches(&self, event_type: &EventType, channels: &[Channel]) -> Vec<EndpointId> {
        let text = event_type.as_str();
        let prefixes = text.match_indices('.').map(|(at, _)| &text[..at]);
        let mut endpoints: Vec<EndpointId> = prefixes
            .filter_map(|prefix| self.below.get(prefix))
            .chain(self.exact.get(event_type))
            .chain([&self.all])
            .flatten()
            .map(|position| &self.subscriptions[*position])
            .filter(|subscription| subscription.admits(channels))
            .map(|subscription| subscription.endpoint)
            .collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        endpoints
    }

    /// The subscriptions it was made of.
    #[must_use]
    pub fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn pattern() -> impl Strategy<Value = EventTypePattern> {
        r"(\*|[ab](\.[ab]){0,2}(\.\*)?)".prop_map(|text| text.parse().unwrap())
    }

    fn channels() -> impl Strategy<Value = Vec<Channel>> {
        proptest::collection::vec("[xyz]".prop_map(|text| text.parse().unwrap()), 0..3)
    }

    fn subscriptions() -> impl Strategy<Value = Vec<Subscription>> {
        let one = (proptest::collection::vec(pattern(), 0..4), channels());
        proptest::collection::vec(one, 0..12).prop_map(|all| {
            let numbered = (1u128..).zip(all);
            numbered
                .map(|(number, (event_types, channels))| Subscription {
                    endpoint: EndpointId::from_uuid(Uuid::from_u128(number)),
                    event_types,
                    channels,
                })
                .collect()
        })
    }

    proptest! {
        /// The index finds exactly what asking each subscription in turn would.
        #[test]
        fn the_index_agrees_with_the_scan(
            subscriptions in subscriptions(),
            event_type in r"[ab](\.[ab]){0,3}",
            channels in channels(),
        ) {
            let event_type: EventType = event_type.parse().unwrap();
            let scan: Vec<_> = subscriptions
                .iter()
                .filter(|one| one.selects(&event_type, &channels))
                .map(|one| one.endpoint)
                .collect();
            let index = SubscriptionIndex::new(subscriptions);
            prop_assert_eq!(index.matches(&event_type, &channels), scan);
        }
    }
}
