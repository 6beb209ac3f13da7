//! Which endpoints an event goes to: a look-up by event type, not a scan.

use std::collections::HashMap;

use crate::event_type::{EventType, EventTypePattern};
use crate::id::EndpointId;
use crate::limits;
use crate::selection::{Candidate, Judgement, Subscription};

/// Whom an event goes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// The endpoints that select it, in the order of their ids.
    pub endpoints: Vec<EndpointId>,
    /// How many endpoints don't get it because it can't be known whether their filter holds.
    pub unjudged: usize,
    /// How many steps the filters took.
    pub steps: u32,
}

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
            for pattern in &subscription.selection.event_types {
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
    ///
    /// Filters are asked only where type and channels are selected, and together take no more
    /// than [`limits::FILTER_STEPS_PER_EVENT`] steps.
    #[must_use]
    pub fn matches(&self, event: &Candidate<'_>) -> Matches {
        let mut steps = limits::FILTER_STEPS_PER_EVENT;
        let mut matches = Matches::default();
        for position in self.of_type(event.event_type) {
            let subscription = &self.subscriptions[position];
            match subscription.selection.judge_typed(event, &mut steps) {
                Judgement::Selected => matches.endpoints.push(subscription.endpoint),
                Judgement::Unknown(_) => matches.unjudged += 1,
                Judgement::OtherType | Judgement::OtherChannels | Judgement::Filtered => {}
            }
        }
        matches.endpoints.sort_unstable();
        matches.steps = limits::FILTER_STEPS_PER_EVENT - steps;
        matches
    }

    /// The positions of those that select this type, each once.
    fn of_type(&self, event_type: &EventType) -> Vec<usize> {
        let text = event_type.as_str();
        let prefixes = text.match_indices('.').map(|(at, _)| &text[..at]);
        let mut positions: Vec<usize> = prefixes
            .filter_map(|prefix| self.below.get(prefix))
            .chain(self.exact.get(event_type))
            .chain([&self.all])
            .flatten()
            .copied()
            .collect();
        positions.sort_unstable();
        positions.dedup();
        positions
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
    use crate::event::Channel;
    use crate::selection::{Filtering, Selection};

    fn pattern() -> impl Strategy<Value = EventTypePattern> {
        r"(\*|[ab](\.[ab]){0,2}(\.\*)?)".prop_map(|text| text.parse().unwrap())
    }

    fn channels() -> impl Strategy<Value = Vec<Channel>> {
        proptest::collection::vec("[xyz]".prop_map(|text| text.parse().unwrap()), 0..3)
    }

    fn filtering() -> impl Strategy<Value = Filtering> {
        // The third is none.
        let source = proptest::option::of(r"@\.n == [1-3]|@\.n|@\.m ~");
        source.prop_map(|source| Filtering::from_record(source.as_deref()))
    }

    fn subscriptions() -> impl Strategy<Value = Vec<Subscription>> {
        let one = (
            proptest::collection::vec(pattern(), 0..4),
            channels(),
            filtering(),
        );
        proptest::collection::vec(one, 0..12).prop_map(|all| {
            let numbered = (1u128..).zip(all);
            numbered
                .map(|(number, (event_types, channels, filter))| Subscription {
                    endpoint: EndpointId::from_uuid(Uuid::from_u128(number)),
                    selection: Selection {
                        event_types,
                        channels,
                        filter,
                    },
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
            data in r#"\{"n":[1-3]\}|\{\}|no json"#,
        ) {
            let event_type: EventType = event_type.parse().unwrap();
            let event = Candidate::new(&event_type, &channels, data.as_bytes());
            let judged = |one: &&Subscription| one.selection.judge(&event);
            let scan: Vec<_> = subscriptions
                .iter()
                .filter(|one| judged(one) == Judgement::Selected)
                .map(|one| one.endpoint)
                .collect();
            let unjudged = subscriptions
                .iter()
                .filter(|one| matches!(judged(one), Judgement::Unknown(_)))
                .count();
            let matches = SubscriptionIndex::new(subscriptions.clone()).matches(&event);
            prop_assert_eq!(matches.endpoints, scan);
            prop_assert_eq!(matches.unjudged, unjudged);
        }
    }

    /// Many greedy filters use up what an event may take, and then nothing more is done.
    #[test]
    fn the_work_for_an_event_is_bounded() {
        let greedy = Selection {
            event_types: vec![EventTypePattern::All],
            channels: Vec::new(),
            filter: Filtering::from_record(Some("$[?$[?@ == -1]]")),
        };
        let subscriptions = (1..=100).map(|number| Subscription {
            endpoint: EndpointId::from_uuid(Uuid::from_u128(number)),
            selection: greedy.clone(),
        });
        let index = SubscriptionIndex::new(subscriptions.collect());
        let data = format!("[{}0]", "1,".repeat(10_000));
        let event_type = "a".parse().unwrap();
        let matches = index.matches(&Candidate::new(&event_type, &[], data.as_bytes()));
        assert_eq!((matches.endpoints.len(), matches.unjudged), (0, 100));
        assert_eq!(matches.steps, limits::FILTER_STEPS_PER_EVENT);
    }
}
