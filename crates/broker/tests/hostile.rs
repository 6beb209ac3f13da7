//! Headers that were made to break whoever reads them: the message is read like any other, can be
//! parked, and those behind it have their turn.

mod support;

use broker::topology::queue;
use support::{consume, declared, next};
use testkit::Stack;
use tokio_util::sync::CancellationToken;

/// So many lists, one in the other: a few would do to overflow the stack of a reader that recurses.
fn nested(levels: usize) -> String {
    format!(
        r#"{{"deep": {}{}}}"#,
        "[".repeat(levels),
        "]".repeat(levels)
    )
}

/// A text of so many bytes.
fn large(bytes: usize) -> String {
    format!(r#"{{"large": "{}"}}"#, "x".repeat(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_have_bounds_however_they_came() {
    let stack = Stack::new().await;
    let broker = declared(&stack).await;
    let publisher = broker.publisher("test");
    let (mut inbox, _stop) = consume(&broker, queue::inbox(), 1);
    let (mut rejected, _stop_too) = consume(&broker, queue::rejected(), 1);
    let never = CancellationToken::new();
    // A frame is at most 131,072 bytes by default; the broker's own API knows no such bound.
    for headers in [
        nested(5_000),
        nested(20_000),
        large(130_000),
        large(1_000_000),
    ] {
        let admin = stack.broker_admin();
        admin
            .publish_with_headers(&queue::inbox(), "hostile", &headers)
            .await;
        admin
            .publish_with_headers(&queue::inbox(), "healthy", r#"{"own": "text"}"#)
            .await;
        let hostile = next(&mut inbox).await;
        assert_eq!(hostile.body, "hostile");
        let parked = hostile.reject(&publisher, "test", "why", &never).await;
        parked.unwrap();
        let letter = next(&mut rejected).await;
        assert_eq!(
            letter.properties.headers.text("posthaste-reason"),
            Some("test")
        );
        letter.ack().await;
        let healthy = next(&mut inbox).await;
        assert_eq!(healthy.properties.headers.text("own"), Some("text"));
        assert!(!healthy.redelivered, "the connection stood");
        healthy.ack().await;
    }
}
