//! Inbox messages whose properties say what no publisher should.

use broker::topology::Route;
use broker::topology::queue;
use broker::{Headers, Outgoing};
use serde_json::{Value, json};

use crate::rig::{Rig, event};

const JSON: &str = "application/json";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

impl Rig {
    /// Publishes to the inbox with properties as the management API names them.
    async fn submit_raw(&self, body: &str, properties: Value) {
        let admin = self.broker_admin();
        admin
            .publish("", &queue::inbox(), body.as_bytes(), properties)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_we_may_say_counts_for_nothing() {
    let rig = Rig::start().await;
    let headers = Headers::new()
        .with("posthaste-reason", "forged")
        .with("posthaste-tier", "forged")
        .with("traceparent", PARENT)
        .with("application", "theirs");
    let good = Outgoing::new(Route::inbox(), event("1"), "", JSON).with_headers(headers.clone());
    rig.submit_message(good).await;
    assert_eq!(rig.event().await.trace.traceparent, PARENT);

    let bad = Outgoing::new(Route::inbox(), "garbage", "", JSON).with_headers(headers);
    rig.submit_message(bad).await;
    let letter = rig.rejection().await;
    let said = |name| letter.properties.headers.text(name);
    assert_eq!(said("posthaste-reason"), Some("malformed"));
    assert_eq!(said("posthaste-origin"), Some(queue::inbox().as_str()));
    assert_eq!(said("posthaste-tier"), None);
    assert_eq!(said("application"), Some("theirs"), "it is theirs to keep");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_any_kind_break_nothing() {
    let rig = Rig::start().await;
    for headers in [
        json!({"traceparent": {"a": [1, 2.5, {"b": "c"}]}, "tracestate": 7}),
        json!({"x-death": [{"queue": "q", "reason": "rejected", "count": 99}]}),
        json!({"x-death": "nonsense", "x-delivery-count": 1_000_000}),
        json!({"x-delivery-count": "nonsense", "posthaste-reason": [true]}),
    ] {
        let properties = json!({"content_type": JSON, "headers": headers});
        rig.submit_raw(&event("1"), properties).await;
        let stored = rig.event().await;
        assert_eq!(stored.trace.traceparent, "", "{headers}");
    }
    rig.submit_raw(&event("1"), json!({})).await;
    rig.rejects("unsupported_type", event("1").as_bytes()).await;
    rig.inbox_is_done().await;
    rig.stop().await;
}
