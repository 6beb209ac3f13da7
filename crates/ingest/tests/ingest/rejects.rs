//! What can't be accepted from the inbox ends among the rejected, with its own bytes and a reason.

use bytes::Bytes;
use wire::inbox::{encode, encode_batch};

use crate::inbox::message;
use crate::rig::{Rig, event, event_with};

const JSON: &str = "application/json";
const BATCH: &str = "posthaste.v1.EventBatch";

impl Rig {
    /// The next rejected message has this reason and body.
    pub(crate) async fn rejects(&self, reason: &str, body: &[u8]) {
        let letter = self.rejection().await;
        assert_eq!(letter.body, body);
        let headers = &letter.properties.headers;
        assert_eq!(headers.text("posthaste-reason"), Some(reason));
        let detail = headers.text("posthaste-detail").unwrap();
        assert!(!detail.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_rejected() {
    let rig = Rig::start().await;
    let nobody = r#"{"tenant":"nobody","event":"a","data":1}"#;
    for (content_type, body, reason) in [
        ("text/plain", event("1"), "unsupported_type"),
        ("", event("1"), "unsupported_type"),
        (JSON, "garbage".to_owned(), "malformed"),
        (JSON, String::new(), "malformed"),
        (JSON, event_with(r#""secret":1"#), "invalid"),
        (JSON, nobody.to_owned(), "unknown_tenant"),
        (wire::CONTENT_TYPE, "garbage".to_owned(), "malformed"),
    ] {
        rig.submit(content_type, "", body.clone()).await;
        rig.rejects(reason, body.as_bytes()).await;
    }
    rig.submit(wire::CONTENT_TYPE, BATCH, "garbage").await;
    rig.rejects("malformed", b"garbage").await;
    rig.inbox_is_done().await;
    rig.submit(JSON, "", event("1")).await;
    assert_eq!(rig.event().await.data, "1");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_event_is_rejected_alone() {
    let rig = Rig::start().await;
    let bad = event_with(r#""timestamp":"never""#);
    let array = format!("[{}, {bad} ,{}]", event("1"), event("2"));
    rig.submit(JSON, "", array).await;
    rig.rejects("invalid", bad.as_bytes()).await;
    assert_eq!(rig.events(2).await.len(), 2);

    let bad: Bytes = encode(&message("{"));
    let batch = encode_batch(&[message("1"), message("{"), message("2")]);
    rig.submit(wire::CONTENT_TYPE, BATCH, batch).await;
    rig.rejects("malformed", &bad).await;
    assert_eq!(rig.events(2).await.len(), 2);
    rig.inbox_is_done().await;
    rig.stop().await;
}
