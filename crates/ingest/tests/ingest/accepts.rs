//! What is accepted over HTTP stands in the fan-out queue as it was sent.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use time::macros::datetime;

use crate::rig::{ACME, Rig, event, event_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_kept_byte_for_byte() {
    let rig = Rig::start().await;
    for data in [
        "9007199254740993",
        "123456789012345678901234567890",
        "1e400",
        "-0",
        "1.10",
        "null",
        r#""\u0000\ud800""#,
        r#"{"b":1,"a":2,"b":3}"#,
        "[ 1 ,\r\n\t{ \"a\" :\n2 } ]",
        r#"{"crab":"🦀","escaped":"\ud83e\udd80\/"}"#,
        "\"\u{2028}\u{7f}\u{fffd}\"",
    ] {
        let id = rig.accepted_id(&[], event(&format!(" {data}\n"))).await;
        let stored = rig.event().await;
        assert_eq!(
            stored.data, data,
            "the white space around it is not its own"
        );
        assert_eq!(stored.id.to_string(), id);
        assert_eq!(stored.tenant, rig.tenant);
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_is_carried_on() {
    let rig = Rig::start().await;
    let more = r#""timestamp":"2024-02-29T23:59:59.123456789+05:30","channels":["a:1","b"]"#;
    rig.accepted_id(&[], event_with(more)).await;
    let stored = rig.event().await;
    assert_eq!(stored.event_type.as_str(), "shipment.created");
    assert_eq!(stored.timestamp, datetime!(2024-02-29 18:29:59.123456 UTC));
    let channels: Vec<_> = stored.channels.iter().map(|one| one.as_str()).collect();
    assert_eq!(channels, ["a:1", "b"]);

    rig.accepted_id(&[], event("1")).await;
    let stored = rig.event().await;
    assert_eq!(stored.timestamp, stored.accepted_at, "it happened just now");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_named_by_either_id() {
    let rig = Rig::start().await;
    for name in [ACME, &rig.tenant.to_string()] {
        let body = format!(r#"{{"tenant":"{name}","event":"a","data":1}}"#);
        rig.accepted_id(&[], body).await;
        assert_eq!(rig.event().await.tenant, rig.tenant, "{name}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publishers_trace_is_carried_on() {
    let rig = Rig::start().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("traceparent", parent), ("tracestate", "vendor=1")];
    rig.accepted_id(&headers, event("1")).await;
    let trace = rig.event().await.trace;
    assert_eq!(trace.traceparent, parent);
    assert_eq!(trace.tracestate, "vendor=1");

    let headers = [("traceparent", "nonsense"), ("tracestate", "vendor=1")];
    rig.accepted_id(&headers, event("1")).await;
    let trace = rig.event().await.trace;
    assert_eq!((trace.traceparent, trace.tracestate), Default::default());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_share_messages() {
    const COUNT: usize = 100;
    let rig = Rig::start().await;
    // So slow that the others come while the first are on their way.
    rig.amqp.delay(Duration::from_millis(50));
    let posts = (0..COUNT).map(|n| {
        let rig = &rig;
        async move { rig.accepted_id(&[], event(&n.to_string())).await }
    });
    let told: HashSet<String> = join_all(posts).await.into_iter().collect();
    assert_eq!(told.len(), COUNT, "each has an id of its own");
    let messages = rig.messages(COUNT).await;
    assert!(messages.len() < COUNT, "{} messages", messages.len());
    let stored = messages.iter().flatten();
    let stored: HashSet<String> = stored.map(|event| event.id.to_string()).collect();
    assert_eq!(stored, told);
    rig.stop().await;
}
