//! What the platform publishes to the inbox queue, in every form that is read.

use broker::Outgoing;
use broker::topology::Route;
use bytes::Bytes;
use serde_json::json;
use wire::inbox::{InboxEvent, encode, encode_batch};

use crate::rig::{Rig, event};

const JSON: &str = "application/json";
const PROTOBUF: &str = wire::CONTENT_TYPE;

pub(crate) fn message(data: &'static str) -> InboxEvent {
    InboxEvent {
        tenant: "acme".to_owned(),
        event: "shipment.created".to_owned(),
        data: Bytes::from_static(data.as_bytes()),
        ..InboxEvent::default()
    }
}

async fn payloads(rig: &Rig, count: usize) -> Vec<Bytes> {
    let mut data: Vec<_> = rig
        .events(count)
        .await
        .into_iter()
        .map(|e| e.data)
        .collect();
    data.sort();
    data
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_is_read() {
    let rig = Rig::start().await;
    rig.submit(JSON, "", event(r#"{"n":1.10}"#)).await;
    assert_eq!(payloads(&rig, 1).await, [r#"{"n":1.10}"#]);
    let array = format!(" [{} ,{}]", event("1.10"), event("2e400"));
    rig.submit("application/json; charset=utf-8", "", array)
        .await;
    assert_eq!(payloads(&rig, 2).await, ["1.10", "2e400"]);
    for kind in ["", "posthaste.v1.Event"] {
        rig.submit(PROTOBUF, kind, encode(&message("-0"))).await;
        assert_eq!(payloads(&rig, 1).await, ["-0"], "{kind:?}");
    }
    let batch = encode_batch(&[message("1"), message("2")]);
    rig.submit(PROTOBUF, "posthaste.v1.EventBatch", batch).await;
    assert_eq!(payloads(&rig, 2).await, ["1", "2"]);
    let cloud = json!({
        "specversion": "1.0", "id": "1", "source": "/s", "type": "shipment.created",
        "tenant": "acme", "data": 3,
    });
    let kind = "application/cloudevents+json";
    rig.submit(kind, "", cloud.to_string()).await;
    assert_eq!(payloads(&rig, 1).await, ["3"]);
    rig.inbox_is_done().await;
    rig.stop().await;
}

/// A message that comes back after a crash is not a second event.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_id_names_its_events() {
    let rig = Rig::start().await;
    let one = Outgoing::new(Route::inbox(), event("1"), "", JSON).with_message_id("m-1");
    let array = format!("[{},{}]", event("1"), event("2"));
    let many = Outgoing::new(Route::inbox(), array, "", JSON).with_message_id("m-2");
    for (message, count) in [(one, 1), (many, 2)] {
        let mut seen = Vec::new();
        for _ in 0..2 {
            rig.submit_message(message.clone()).await;
            let mut ids: Vec<_> = rig.events(count).await.iter().map(|e| e.id).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), count, "each its own");
            seen.push(ids);
        }
        assert_eq!(seen[0], seen[1]);
    }
    rig.stop().await;
}
