//! How much goes into one transaction.

use std::collections::VecDeque;

use domain::event::Event;
use domain::limits;
use store::events::NewEvent;

/// The most deliveries that a transaction stands for, unless a single event has more: what an
/// event's endpoints take in memory is bounded by this and not by the number of events.
const DELIVERIES: usize = 20_000;

/// The most steps of filters for a transaction, unless a single event takes more: other work has
/// its turn between two transactions.
const STEPS: u32 = limits::FILTER_STEPS_PER_EVENT;

/// A batch, handed out in portions of a transaction each. Its events are matched one by one, as they
/// are needed.
pub(crate) struct Portions {
    events: VecDeque<Event>,
    most: usize,
    /// Would have been too much for the portion before.
    held: Option<(NewEvent, u32)>,
}

impl Portions {
    /// Portions of at most `most` events.
    pub(crate) fn new(events: Vec<Event>, most: usize) -> Self {
        Self {
            events: events.into(),
            most,
            held: None,
        }
    }

    /// The next portion; none when all events were taken. `matched` gives an event with its
    /// endpoints and the steps that it took to match it, or none when it is not ours to record.
    pub(crate) fn next(
        &mut self,
        mut matched: impl FnMut(Event) -> Option<(NewEvent, u32)>,
    ) -> Option<Vec<NewEvent>> {
        let mut portion = Vec::new();
        let (mut deliveries, mut steps) = (0, 0_u32);
        while portion.len() < self.most {
            let next = self
                .held
                .take()
                .or_else(|| std::iter::from_fn(|| self.events.pop_front()).find_map(&mut matched));
            let Some((next, taken)) = next else { break };
            deliveries += next.endpoints.len();
            steps = steps.saturating_add(taken);
            if (deliveries > DELIVERIES || steps > STEPS) && !portion.is_empty() {
                self.held = Some((next, taken));
                break;
            }
            portion.push(next);
        }
        (!portion.is_empty()).then_some(portion)
    }

    /// Puts events back to be matched anew, and with them whatever else was matched as they were.
    pub(crate) fn put_back(&mut self, outdated: Vec<NewEvent>) {
        let held = self.held.take().map(|(held, _)| held);
        for new in outdated.into_iter().chain(held).rev() {
            self.events.push_front(new.event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use domain::id::{EndpointId, EventId};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::samples;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_event_is_in_one_portion(
            counts in proptest::collection::vec(0usize..9_000, 0..40),
            single: bool,
            outdated: bool,
            steps in 0..STEPS,
            most in 1usize..100,
        ) {
            // Many events of one endpoint meet the bound of events, few of many that of deliveries.
            let counts = if single { vec![1; counts.len() * 40] } else { counts };
            let events: Vec<_> = (0u128..).zip(&counts).map(|(number, _)| samples::event(number)).collect();
            let endpoints_of: HashMap<EventId, usize> =
                events.iter().zip(&counts).map(|(event, count)| (event.id, *count)).collect();
            let mut times: HashMap<EventId, u32> = HashMap::new();
            let mut matched = |event: Event| {
                *times.entry(event.id).or_default() += 1;
                let endpoints = vec![EndpointId::from_uuid(Uuid::nil()); endpoints_of[&event.id]];
                Some((NewEvent { event, endpoints }, steps))
            };
            let mut batch = Portions::new(events.clone(), most);
            let mut portions = Vec::new();
            let mut is_outdated = outdated;
            while let Some(portion) = batch.next(&mut matched) {
                if std::mem::take(&mut is_outdated) {
                    batch.put_back(portion);
                } else {
                    portions.push(portion);
                }
            }
            let most_times = if outdated { 2 } else { 1 };
            prop_assert!(times.values().all(|times| *times <= most_times));
            for portion in &portions {
                let deliveries: usize = portion.iter().map(|one| one.endpoints.len()).sum();
                prop_assert!((1..=most).contains(&portion.len()));
                prop_assert!(deliveries <= DELIVERIES || portion.len() == 1);
                let taken = u64::from(steps) * u64::try_from(portion.len()).unwrap();
                prop_assert!(taken <= STEPS.into() || portion.len() == 1);
            }
            let back: Vec<_> = portions.into_iter().flatten().map(|one| one.event).collect();
            prop_assert_eq!(back, events);
        }
    }
}
