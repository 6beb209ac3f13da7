//! How much goes into one transaction.

use domain::limits;
use store::events::NewEvent;

/// The most deliveries that a transaction stands for, unless a single event has more: what an
/// event's endpoints take in memory is bounded by this and not by the number of events.
const DELIVERIES: usize = 20_000;

/// The most steps of filters for a transaction, unless a single event takes more: other work has
/// its turn between two transactions.
const STEPS: u32 = limits::FILTER_STEPS_PER_EVENT;

/// Hands events out in portions of at most `most` for a transaction each, given with the steps that
/// it took to match them. They are taken one by one, as they are needed.
pub(crate) fn portions(
    events: impl Iterator<Item = (NewEvent, u32)>,
    most: usize,
) -> impl Iterator<Item = Vec<NewEvent>> {
    Portions {
        events,
        most,
        held: None,
    }
}

struct Portions<I> {
    events: I,
    most: usize,
    /// Would have been too much for the portion before.
    held: Option<(NewEvent, u32)>,
}

impl<I: Iterator<Item = (NewEvent, u32)>> Iterator for Portions<I> {
    type Item = Vec<NewEvent>;

    fn next(&mut self) -> Option<Vec<NewEvent>> {
        let mut portion = Vec::new();
        let (mut deliveries, mut steps) = (0, 0_u32);
        while portion.len() < self.most {
            let Some((next, taken)) = self.held.take().or_else(|| self.events.next()) else {
                break;
            };
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
}

#[cfg(test)]
mod tests {
    use domain::id::EndpointId;
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
            steps in 0..STEPS,
            most in 1usize..100,
        ) {
            // Many events of one endpoint meet the bound of events, few of many that of deliveries.
            let counts = if single { vec![1; counts.len() * 40] } else { counts };
            let events: Vec<_> = (0u128..).zip(&counts).map(|(number, _)| samples::event(number)).collect();
            let matched = events.iter().zip(&counts).map(|(event, count)| {
                let endpoints = vec![EndpointId::from_uuid(Uuid::nil()); *count];
                let event = event.clone();
                (NewEvent { event, endpoints }, steps)
            });
            let portions: Vec<_> = portions(matched, most).collect();
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
