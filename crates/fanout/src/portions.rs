//! How much goes into one transaction.

use std::iter::Map;
use std::vec::IntoIter;

use domain::event::Event;
use domain::id::EndpointId;
use domain::limits;
use store::events::NewEvent;

/// The most deliveries that a transaction stands for, unless a single event has more: what an
/// event's endpoints take in memory is bounded by this and not by the number of events.
const DELIVERIES: usize = 20_000;

/// Matches events one by one and hands them out in portions for a transaction each.
pub(crate) fn portions<M>(events: Vec<Event>, matches: M) -> impl Iterator<Item = Vec<NewEvent>>
where
    M: Fn(&Event) -> Vec<EndpointId>,
{
    let matched = events.into_iter().map(move |event| NewEvent {
        endpoints: matches(&event),
        event,
    });
    Portions {
        matched,
        held: None,
    }
}

struct Portions<M: FnMut(Event) -> NewEvent> {
    matched: Map<IntoIter<Event>, M>,
    /// Would have been too much for the portion before.
    held: Option<NewEvent>,
}

impl<M: FnMut(Event) -> NewEvent> Iterator for Portions<M> {
    type Item = Vec<NewEvent>;

    fn next(&mut self) -> Option<Vec<NewEvent>> {
        let mut portion = Vec::new();
        let mut deliveries = 0;
        while portion.len() < limits::FANOUT_BATCH_EVENTS {
            let Some(next) = self.held.take().or_else(|| self.matched.next()) else {
                break;
            };
            deliveries += next.endpoints.len();
            if deliveries > DELIVERIES && !portion.is_empty() {
                self.held = Some(next);
                break;
            }
            portion.push(next);
        }
        (!portion.is_empty()).then_some(portion)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::samples;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_event_is_in_one_portion(counts in proptest::collection::vec(0usize..9_000, 0..40), single: bool) {
            // Many events of one endpoint meet the bound of events, few of many that of deliveries.
            let counts = if single { vec![1; counts.len() * 40] } else { counts };
            let events: Vec<_> = (0u128..).zip(&counts).map(|(number, _)| samples::event(number)).collect();
            let endpoints = |event: &Event| {
                let count = counts[usize::try_from(event.id.uuid().as_u128()).unwrap()];
                vec![EndpointId::from_uuid(Uuid::nil()); count]
            };
            let portions: Vec<_> = portions(events.clone(), endpoints).collect();
            for portion in &portions {
                let deliveries: usize = portion.iter().map(|one| one.endpoints.len()).sum();
                prop_assert!((1..=limits::FANOUT_BATCH_EVENTS).contains(&portion.len()));
                prop_assert!(deliveries <= DELIVERIES || portion.len() == 1);
            }
            let back: Vec<_> = portions.into_iter().flatten().map(|one| one.event).collect();
            prop_assert_eq!(back, events);
        }
    }
}
