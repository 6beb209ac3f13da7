//! Tests of what is made of a message, without a broker.

use broker::{HeaderValue, Properties};
use rstest::rstest;
use wire::inbox::{encode, encode_batch};

use super::*;

const EVENT: &str = r#"{"tenant":"acme","event":"a","data":1}"#;
const OWN_ID: &str = r#"{"tenant":"acme","event":"a","data":1,"id":"own"}"#;

pub(super) fn delivered(content_type: &str, kind: &str, body: impl Into<Bytes>) -> Delivered {
    Delivered {
        body: body.into(),
        properties: Properties {
            content_type: Some(content_type.to_owned()),
            kind: Some(kind.to_owned()),
            message_id: Some("m".to_owned()),
            ..Properties::default()
        },
        exchange: String::new(),
        routing_key: String::new(),
        queue: "posthaste.inbox".into(),
        redelivered: false,
        delivery_count: None,
        death: None,
    }
}

fn protobuf_event() -> InboxEvent {
    InboxEvent {
        tenant: "acme".to_owned(),
        event: "a".to_owned(),
        data: Bytes::from_static(b" 1 "),
        ..InboxEvent::default()
    }
}

fn ids(items: &[Item]) -> Vec<(Option<&str>, Option<&str>)> {
    items
        .iter()
        .map(|item| {
            let draft = item.draft.as_ref().unwrap();
            (item.message_id.as_deref(), draft.id.as_deref())
        })
        .collect()
}

#[test]
fn an_event_is_known_by_its_id_or_by_its_message_and_place() {
    let alone = read(&delivered("application/json", "", EVENT)).unwrap();
    assert_eq!(ids(&alone), [(Some("m"), Some("m"))]);
    let array = format!("[{EVENT},{OWN_ID}]");
    let several = read(&delivered("application/json", "", array)).unwrap();
    assert_eq!(
        ids(&several),
        [(Some("m/0"), Some("m/0")), (Some("m/1"), Some("own"))]
    );
}

/// By itself among the rejected it is a message that can be published as it is.
#[test]
fn an_item_of_a_batch_is_a_message_of_its_own_kind() {
    let events = [protobuf_event(), protobuf_event()];
    let batch = delivered(
        wire::CONTENT_TYPE,
        MessageType::InboxBatch.as_str(),
        encode_batch(&events),
    );
    for item in read(&batch).unwrap() {
        assert_eq!(item.kind, MessageType::InboxEvent.as_str());
        assert_eq!(item.body, encode(&events[0]));
        assert_eq!(item.draft.unwrap().data, "1");
    }
    let alone = delivered(wire::CONTENT_TYPE, "other", encode(&events[0]));
    assert_eq!(read(&alone).unwrap()[0].kind, "other");
}

#[rstest]
#[case("application/json", "", "[]")]
#[case("application/json", "", " [ ]")]
#[case("application/x-protobuf", "posthaste.v1.EventBatch", "")]
fn a_batch_of_nothing_does_not_vanish(
    #[case] content_type: &str,
    #[case] kind: &str,
    #[case] body: &'static str,
) {
    let refused = read(&delivered(content_type, kind, body)).map(|items| items.len());
    assert_eq!(refused.unwrap_err().reason, Reason::Malformed);
}

#[test]
fn a_message_may_be_so_large() {
    let event = vec![b' '; limits::EVENT_BODY_BYTES + 1];
    let items = read(&delivered("application/json", "", event)).unwrap();
    assert_eq!(
        items[0].draft.as_ref().unwrap_err().reason,
        Reason::TooLarge
    );
    let batch = vec![0; limits::BATCH_BODY_BYTES + 1];
    let kind = MessageType::InboxBatch.as_str();
    let refused = read(&delivered(wire::CONTENT_TYPE, kind, batch)).map(|items| items.len());
    assert_eq!(refused.unwrap_err().reason, Reason::TooLarge);
    let many = format!("[{}1]", "1,".repeat(limits::BATCH_EVENTS));
    let refused = read(&delivered("application/json", "", many)).map(|items| items.len());
    assert_eq!(refused.unwrap_err().reason, Reason::TooLarge);
}

#[test]
fn forged_headers_count_for_nothing() {
    let forged = HeaderValue::Text("forged".to_owned());
    let mut headers = Headers::new().with("traceparent", "theirs");
    headers.insert("posthaste-reason", forged.clone());
    headers.insert("posthaste-anything", forged);
    strip(&mut headers);
    let left: Vec<_> = headers.iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["traceparent"]);
}
