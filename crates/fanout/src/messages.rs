//! Which deliveries travel together: from events and their endpoints to the bodies of messages.

use std::collections::HashMap;

use bytes::Bytes;
use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::{Delivery, Due};
use domain::dispatch::{Content, Custody};
use domain::id::{DeliveryId, EndpointId, EventId};
use domain::limits;
use domain::shard::{Shard, Shards};
use wire::batch::{Gathered, Sharded};
use wire::dispatch::Target;

/// A message for the dispatchers of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) shard: Shard,
    pub(crate) body: Bytes,
    /// How many deliveries are in it, at most [`limits::DELIVERIES_PER_MESSAGE`].
    pub(crate) deliveries: usize,
}

/// An event, and where it goes.
pub(crate) struct Fanned<'a> {
    pub(crate) content: Content,
    pub(crate) endpoints: &'a [EndpointId],
    /// Whether its deliveries may have been published before.
    pub(crate) custody: Custody,
}

/// Every delivery of these events, each once, in as few messages as its shard and the bounds allow.
///
/// The deliveries of an event share its content. They are spread over several items only where
/// they go to several shards or are too many for one message.
pub(crate) fn messages<'a>(
    shards: Shards,
    events: impl IntoIterator<Item = Fanned<'a>>,
) -> Vec<Message> {
    let mut gathered = Sharded::new(limits::DELIVERIES_PER_MESSAGE);
    for event in events {
        for (shard, targets) in by_shard(shards, &event) {
            for together in targets.chunks(limits::DELIVERIES_PER_MESSAGE) {
                let item = wire::dispatch::encode(&event.content, together);
                gathered.push(shard, item, together.len());
            }
        }
    }
    gathered.finish().into_iter().map(Message::from).collect()
}

impl From<Gathered> for Message {
    fn from(gathered: Gathered) -> Self {
        Self {
            shard: gathered.shard,
            body: gathered.body,
            deliveries: gathered.weight,
        }
    }
}

fn by_shard(shards: Shards, event: &Fanned<'_>) -> HashMap<Shard, Vec<Target>> {
    let mut targets: HashMap<Shard, Vec<Target>> = HashMap::new();
    for endpoint in event.endpoints {
        let target = Target {
            custody: event.custody,
            ..first_attempt(event.content.event, *endpoint)
        };
        let shard = shards.of(endpoint.uuid());
        targets.entry(shard).or_default().push(target);
    }
    targets
}

fn first_attempt(event: EventId, endpoint: EndpointId) -> Target {
    Target::now(Due {
        delivery: Delivery {
            id: DeliveryId::first(event, endpoint),
            endpoint,
            trigger: Trigger::Automatic,
            replay_of: None,
        },
        attempt: AttemptNumber::FIRST,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::dispatch::{Dispatch, Payload};
    use domain::event::Event;
    use domain::tier::Wait;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::samples;

    fn event(number: u128, bytes: usize) -> Event {
        Event {
            data: vec![b'1'; bytes].into(),
            ..samples::event(number)
        }
    }

    /// Events of payloads up to beyond the inline bound, some with more endpoints than a message
    /// takes.
    fn fanned() -> impl Strategy<Value = Vec<(Event, Vec<EndpointId>)>> {
        let endpoints = btree_set(any::<u128>(), 0..100);
        vec((0usize..40_000, endpoints), 0..40).prop_map(|events| {
            let numbered = (1u128..).zip(events);
            numbered
                .map(|(number, (bytes, endpoints))| {
                    let endpoints = endpoints
                        .into_iter()
                        .map(|bits| EndpointId::from_uuid(Uuid::from_u128(bits)));
                    (event(number, bytes), endpoints.collect())
                })
                .collect()
        })
    }

    fn made(shards: Shards, events: &[(Event, Vec<EndpointId>)]) -> Vec<Message> {
        let events = events.iter().map(|(event, endpoints)| Fanned {
            content: Content::from(event),
            endpoints,
            custody: Custody::Sole,
        });
        messages(shards, events)
    }

    fn dispatches(message: &Message) -> Vec<Dispatch> {
        let items = wire::batch::split(message.body.clone()).unwrap();
        items
            .into_iter()
            .flat_map(|item| wire::dispatch::decode(item).unwrap())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_event_reaches_each_of_its_endpoints_once(events in fanned(), count in 1u8..5) {
            let shards = Shards::new(count).unwrap();
            let mut seen: BTreeMap<(EventId, EndpointId), u32> = BTreeMap::new();
            for message in made(shards, &events) {
                for dispatch in dispatches(&message) {
                    let Delivery { id, endpoint, trigger, replay_of } = dispatch.due.delivery;
                    prop_assert_eq!(shards.of(endpoint.uuid()), message.shard);
                    prop_assert_eq!(id, DeliveryId::first(dispatch.content.event, endpoint));
                    prop_assert_eq!((trigger, replay_of), (Trigger::Automatic, None));
                    prop_assert_eq!(dispatch.due.attempt, AttemptNumber::FIRST);
                    prop_assert_eq!((dispatch.wait, dispatch.custody), (Wait::NONE, Custody::Sole));
                    *seen.entry((dispatch.content.event, endpoint)).or_default() += 1;
                }
            }
            let expected = events
                .iter()
                .flat_map(|(event, endpoints)| endpoints.iter().map(|endpoint| ((event.id, *endpoint), 1)));
            prop_assert_eq!(seen, expected.collect());
        }

        #[test]
        fn messages_keep_their_bounds(events in fanned(), count in 1u8..5) {
            for message in made(Shards::new(count).unwrap(), &events) {
                let items = wire::batch::split(message.body.clone()).unwrap();
                let bytes: usize = items.iter().map(Bytes::len).sum();
                prop_assert!(bytes <= limits::MESSAGE_BYTES);
                prop_assert_eq!(message.deliveries, dispatches(&message).len());
                prop_assert!((1..=limits::DELIVERIES_PER_MESSAGE).contains(&message.deliveries));
            }
        }

        #[test]
        fn what_is_carried_is_the_event(events in fanned()) {
            let by_id: BTreeMap<_, _> = events.iter().map(|(event, _)| (event.id, event)).collect();
            for dispatch in made(Shards::ONE, &events).iter().flat_map(dispatches) {
                let event = by_id[&dispatch.content.event];
                let payload = if event.data.len() > limits::INLINE_PAYLOAD_BYTES {
                    Payload::Stored
                } else {
                    Payload::Inline(event.data.clone())
                };
                prop_assert_eq!(&dispatch.content.payload, &payload);
                prop_assert_eq!(&dispatch.content.trace, &event.trace);
                prop_assert_eq!(dispatch.content.tenant, event.tenant);
            }
        }
    }

    #[test]
    fn small_events_fill_a_message() {
        let endpoint = EndpointId::from_uuid(Uuid::from_u128(7));
        let events: Vec<_> = (1..=64)
            .map(|number| (event(number, 100), vec![endpoint]))
            .collect();
        let full: Vec<_> = made(Shards::ONE, &events)
            .iter()
            .map(|one| one.deliveries)
            .collect();
        assert_eq!(full, [limits::DELIVERIES_PER_MESSAGE; 2]);
    }
}
