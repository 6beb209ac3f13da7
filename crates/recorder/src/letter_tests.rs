use broker::topology::queue;
use broker::{Headers, Properties};
use domain::attempt::AttemptNumber;
use rstest::rstest;

use super::*;
use crate::samples;

fn parked(message: Delivered, reason: &str) -> Delivered {
    let headers = Headers::new()
        .with(header::REASON, reason)
        .with(header::DETAIL, "a sentence")
        .with(header::ORIGIN, "posthaste.dispatch.fresh.00");
    Delivered {
        properties: Properties {
            headers,
            ..message.properties
        },
        ..message
    }
}

fn dispatch(numbers: &[u128]) -> Delivered {
    let body = wire::batch::join(vec![samples::dispatch(numbers)]);
    samples::message(MessageType::Dispatch, body)
}

#[rstest]
#[case("exhausted", DeadLetterKind::Delivery)]
#[case("gone", DeadLetterKind::Delivery)]
#[case("undecodable", DeadLetterKind::Poison)]
#[case("panicked", DeadLetterKind::Poison)]
fn a_parked_delivery_says_whose_it_is(#[case] reason: &str, #[case] kind: DeadLetterKind) {
    let letter = dead(&parked(dispatch(&[4]), reason));
    assert_eq!(letter.kind, kind);
    assert_eq!(letter.reason, reason);
    assert_eq!(letter.detail, "a sentence");
    assert_eq!(letter.origin, "posthaste.dispatch.fresh.00");
    let delivery = samples::delivery(4);
    let event = samples::event(1);
    assert_eq!(
        (letter.tenant, letter.event),
        (Some(event.tenant), Some(event.id))
    );
    assert_eq!(letter.delivery, Some(delivery.id));
    assert_eq!(letter.endpoint, Some(delivery.endpoint));
    assert_eq!(letter.event_type, Some(event.event_type));
    assert_eq!(letter.event_day, Some(event.accepted_at.date()));
    let headers: Value = serde_json::from_str(&letter.headers).unwrap();
    assert_eq!(headers[header::REASON], reason);
}

/// A delivery that was given up has been reported on; one that nobody could work on has not.
#[rstest]
#[case("exhausted", None)]
#[case("panicked", Some(DeadReason::Poison))]
#[case("delivery_limit", Some(DeadReason::Poison))]
fn the_end_of_a_poisonous_delivery_is_told(#[case] reason: &str, #[case] told: Option<DeadReason>) {
    let now = OffsetDateTime::UNIX_EPOCH;
    let end = end(&dead(&parked(dispatch(&[4]), reason)), now);
    let standing = told.map(|reason| Standing::Dead {
        attempt: AttemptNumber::FIRST,
        reason,
    });
    assert_eq!(end.as_ref().map(|end| end.standing), standing);
    if let Some(end) = end {
        assert_eq!(end.delivery.id, samples::delivery(4).id);
        assert_eq!((end.attempt, end.at), (None, now));
    }
}

#[test]
fn what_is_no_single_delivery_has_no_end_to_tell() {
    let now = OffsetDateTime::UNIX_EPOCH;
    let report = wire::batch::join(vec![samples::report(5)]);
    let report = samples::message(MessageType::Report, report);
    assert_eq!(end(&dead(&report), now), None);
    let several = parked(dispatch(&[4, 5]), "panicked");
    assert_eq!(end(&dead(&several), now), None);
}

#[test]
fn an_event_and_a_report_say_whose_they_are() {
    let event = wire::accepted::encode(&samples::event(9));
    let event = samples::message(MessageType::Accepted, wire::batch::join(vec![event]));
    let subject = dead(&event);
    assert_eq!(subject.event, Some(samples::event(9).id));
    assert_eq!(subject.delivery, None);
    let report = wire::batch::join(vec![samples::report(5)]);
    let report = samples::message(MessageType::Report, report);
    let subject = dead(&report);
    assert_eq!(subject.delivery, Some(samples::delivery(5).id));
}

#[rstest]
#[case::no_batch(samples::message(MessageType::Dispatch, Bytes::from_static(b"\xff")))]
#[case::several(dispatch(&[1, 2]))]
#[case::of_another_kind(samples::message(MessageType::Report, dispatch(&[1]).body))]
fn what_is_about_nothing_in_particular(#[case] message: Delivered) {
    let letter = dead(&parked(message, "exhausted"));
    assert_eq!((letter.tenant, letter.event), (None, None));
    assert_eq!((letter.delivery, letter.endpoint), (None, None));
    assert_eq!(letter.kind, DeadLetterKind::Poison);
}

#[test]
fn a_message_without_a_word_is_kept() {
    let message = Delivered {
        properties: Properties::default(),
        ..samples::message(MessageType::Dispatch, Bytes::from_static(b"?"))
    };
    let letter = dead(&message);
    assert_eq!(
        (letter.reason.as_str(), letter.origin.as_str()),
        ("unknown", "")
    );
    assert_eq!(letter.body, message.body);
}

#[test]
fn a_redelivered_message_is_the_same_letter() {
    let message = dispatch(&[1]);
    let again = Delivered {
        redelivered: true,
        delivery_count: Some(3),
        ..message.clone()
    };
    assert_eq!(dead(&message).id, dead(&again).id);
    let other = dispatch(&[2]);
    assert_ne!(dead(&message).id, dead(&other).id);
}

#[test]
fn a_wrong_routing_key_is_named() {
    let message = Delivered {
        queue: queue::rejected().into(),
        routing_key: "evnet".to_owned(),
        ..samples::message(MessageType::InboxEvent, Bytes::from_static(b"{}"))
    };
    let letter = rejected(&message);
    assert_eq!(
        (letter.kind, letter.reason.as_str()),
        (DeadLetterKind::Rejected, "unroutable")
    );
    assert!(letter.detail.contains("evnet"), "{}", letter.detail);
}
