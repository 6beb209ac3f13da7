use broker::topology::queue;
use broker::{Headers, Properties};
use domain::shard::Shards;
use proptest::prelude::*;
use rstest::rstest;
use store::dead_letters::DeadLetterKind;
use wire::MessageType;

use super::*;
use crate::samples;

fn shard() -> domain::shard::Shard {
    Shards::ONE.all().next().unwrap()
}

fn too_often(kind: MessageType, items: Vec<Bytes>, queue: &str) -> Delivered {
    let message = samples::message(kind, wire::batch::join(items));
    samples::given_up(message, queue, "delivery_limit")
}

fn quarantined(message: &Delivered) -> Vec<Outgoing> {
    match of(message) {
        Fate::Quarantine(items) => items,
        Fate::Keep(letter) => panic!("kept: {letter:?}"),
    }
}

fn kept(message: &Delivered) -> NewDeadLetter {
    match of(message) {
        Fate::Keep(letter) => *letter,
        Fate::Quarantine(items) => panic!("quarantined: {items:?}"),
    }
}

/// The only item of each message.
fn items(messages: &[Outgoing]) -> Vec<Bytes> {
    let only = |message: &Outgoing| {
        let mut items = wire::batch::split(message.body.clone()).unwrap();
        assert_eq!(items.len(), 1);
        items.remove(0)
    };
    messages.iter().map(only).collect()
}

#[test]
fn each_event_of_a_batch_is_tried_alone() {
    let events: Vec<_> = (1..=3)
        .map(|number| wire::accepted::encode(&samples::event(number)))
        .collect();
    let message = too_often(
        MessageType::Accepted,
        events.clone(),
        &queue::fanout(shard()),
    );
    let alone = quarantined(&message);
    assert_eq!(items(&alone), events);
    for one in alone {
        assert_eq!(one.route, Route::quarantine(Lane::Events));
        assert_eq!(one.kind, MessageType::Accepted.as_str());
        assert_eq!(one.content_type, wire::CONTENT_TYPE);
    }
}

#[rstest]
#[case(queue::dispatch_fresh(shard()))]
#[case(queue::dispatch_retry(shard()))]
#[case(queue::dispatch_bulk(shard()))]
fn each_delivery_of_an_item_is_tried_alone(#[case] from: String) {
    let batch = vec![samples::dispatch(&[1, 2, 3]), samples::dispatch(&[4])];
    let alone = quarantined(&too_often(MessageType::Dispatch, batch, &from));
    let ids: Vec<_> = items(&alone)
        .into_iter()
        .flat_map(|item| wire::dispatch::decode(item).unwrap())
        .map(|dispatch| dispatch.due.delivery.id)
        .collect();
    assert_eq!(ids, [1, 2, 3, 4].map(|number| samples::delivery(number).id));
    assert!(
        alone
            .iter()
            .all(|one| one.route == Route::quarantine(Lane::Dispatch))
    );
}

#[test]
fn an_item_that_cannot_be_read_is_tried_as_it_is() {
    let poison = Bytes::from_static(b"\xff\xff");
    let batch = vec![samples::dispatch(&[1]), poison.clone()];
    let alone = quarantined(&too_often(
        MessageType::Dispatch,
        batch,
        &queue::dispatch_fresh(shard()),
    ));
    assert_eq!(items(&alone)[1], poison);
}

#[test]
fn each_report_is_tried_alone() {
    let reports = vec![samples::report(1), samples::report(2)];
    let alone = quarantined(&too_often(
        MessageType::Report,
        reports.clone(),
        &queue::results(),
    ));
    assert_eq!(items(&alone), reports);
    assert!(
        alone
            .iter()
            .all(|one| one.route == Route::quarantine(Lane::Results))
    );
    assert!(
        alone
            .iter()
            .all(|one| one.kind == MessageType::Report.as_str()),
        "what the items are is still told"
    );
}

#[test]
fn a_publishers_message_is_tried_whole() {
    let headers = Headers::new().with("traceparent", "00-1-1-01");
    let message = Delivered {
        properties: Properties {
            content_type: Some("application/json".to_owned()),
            kind: None,
            message_id: Some("m-1".to_owned()),
            timestamp: None,
            headers: headers.clone(),
        },
        ..samples::message(MessageType::InboxEvent, Bytes::from_static(b"{\"garbage"))
    };
    let message = samples::given_up(message, &queue::inbox(), "delivery_limit");
    let [whole] = quarantined(&message).try_into().unwrap();
    assert_eq!(whole.route, Route::quarantine(Lane::Inbox));
    assert_eq!(whole.body, message.body);
    assert_eq!(whole.kind, "");
    assert_eq!(whole.content_type, "application/json");
    assert_eq!(whole.message_id.as_deref(), Some("m-1"));
    assert_eq!(whole.headers, headers);
}

#[rstest]
#[case::from_quarantine(&queue::quarantine(Lane::Dispatch), "delivery_limit")]
#[case::not_the_limit(&queue::dispatch_fresh(shard()), "rejected")]
#[case::a_strangers_queue("orders", "delivery_limit")]
fn what_had_its_turn_is_kept(#[case] queue: &str, #[case] reason: &str) {
    let body = wire::batch::join(vec![samples::dispatch(&[7])]);
    let message = samples::message(MessageType::Dispatch, body.clone());
    let letter = kept(&samples::given_up(message, queue, reason));
    assert_eq!(letter.kind, DeadLetterKind::Poison);
    assert_eq!(
        (letter.reason.as_str(), letter.origin.as_str()),
        (reason, queue)
    );
    assert_eq!(letter.delivery, Some(samples::delivery(7).id));
    assert_eq!(letter.body, body);
}

#[rstest]
#[case::no_batch(Bytes::from_static(b"\xff\xffgarbage"), "undecodable")]
#[case::nothing(Bytes::new(), "empty")]
fn what_cannot_be_taken_apart_is_kept(#[case] body: Bytes, #[case] reason: &str) {
    let message = samples::message(MessageType::Dispatch, body.clone());
    let from = queue::dispatch_fresh(shard());
    let letter = kept(&samples::given_up(message, &from, "delivery_limit"));
    assert_eq!(
        (letter.kind, letter.reason.as_str()),
        (DeadLetterKind::Poison, reason)
    );
    assert_eq!(letter.body, body);
}

proptest! {
    /// Whatever lies in the dead letters is either tried again or kept, and no byte of it is lost.
    #[test]
    fn nothing_is_lost(items in proptest::collection::vec(any::<Vec<u8>>(), 0..5), lane in 0usize..4) {
        let lanes = [queue::inbox(), queue::fanout(shard()), queue::dispatch_fresh(shard()), queue::results()];
        let batch: Vec<Bytes> = items.into_iter().map(Bytes::from).collect();
        let message = too_often(MessageType::Accepted, batch.clone(), &lanes[lane]);
        match of(&message) {
            Fate::Keep(letter) => prop_assert_eq!(letter.body, message.body),
            Fate::Quarantine(alone) if lane == 0 => prop_assert_eq!(&alone[0].body, &message.body),
            Fate::Quarantine(alone) => {
                for (one, item) in alone.iter().zip(batch) {
                    prop_assert_eq!(&one.body, &wire::batch::join(vec![item]));
                }
            }
        }
    }
}
