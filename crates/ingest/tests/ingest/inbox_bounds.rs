//! Bounds of the inbox: what is too large or too deep ends among the rejected, by itself where it
//! can be told apart.

use domain::limits;

use crate::bounds::of_size;
use crate::rig::{Rig, event, event_with};

const JSON: &str = "application/json";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_may_be_so_large() {
    let rig = Rig::start().await;
    let (most, more) = (
        of_size(limits::EVENT_BODY_BYTES),
        of_size(limits::EVENT_BODY_BYTES + 1),
    );
    rig.submit(JSON, "", more.clone()).await;
    rig.rejects("too_large", more.as_bytes()).await;
    rig.submit(JSON, "", format!("[{more},{most}]")).await;
    rig.rejects("too_large", more.as_bytes()).await;
    assert!(
        most.as_bytes()
            .ends_with(&[&rig.event().await.data[..], b"}"].concat())
    );
    rig.inbox_is_done().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_holds_so_many_events() {
    let rig = Rig::start().await;
    let array = |count| format!("[{}]", vec![event("1"); count].join(","));
    for (body, reason) in [
        (array(limits::BATCH_EVENTS + 1), "too_large"),
        (array(0), "malformed"),
        (array(2) + "]", "malformed"),
    ] {
        rig.submit(JSON, "", body.clone()).await;
        rig.rejects(reason, body.as_bytes()).await;
    }
    rig.submit(JSON, "", array(limits::BATCH_EVENTS)).await;
    assert_eq!(rig.events(limits::BATCH_EVENTS).await.len(), 1_000);
    rig.inbox_is_done().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_may_be_so_deep() {
    let rig = Rig::start().await;
    let nested = |depth| event(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    for depth in [limits::NESTING + 1, 100_000] {
        rig.submit(JSON, "", nested(depth)).await;
        rig.rejects("invalid", nested(depth).as_bytes()).await;
    }
    rig.submit(JSON, "", nested(limits::NESTING)).await;
    assert_eq!(rig.event().await.data.len(), 2 * limits::NESTING);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_with_another_payload_is_rejected() {
    let rig = Rig::start().await;
    let keyed = event_with(r#""id":"order-1""#);
    // Over HTTP, whose answer says that the key is known from now on.
    assert_eq!(rig.publish(keyed.clone()).await.status, 202);
    let first = rig.event().await.id;
    let other = keyed.replace(r#""data":1"#, r#""data":2"#);
    rig.submit(JSON, "", other.clone()).await;
    rig.rejects("conflict", other.as_bytes()).await;
    // The same again is the same event, and fan-out knows it.
    rig.submit(JSON, "", keyed).await;
    assert_eq!(rig.event().await.id, first);
    rig.stop().await;
}
