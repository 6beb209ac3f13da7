//! A fuzz target: what is published to the inbox. `docs/development.md` says how it is run.

use std::time::Duration;

use bolero::check;
use bytes::Bytes;

use super::read;
use super::tests::delivered;

/// A content type and an AMQP type, each on a line of its own, and then the body.
#[test]
fn message() {
    let bound = Duration::from_secs(1);
    check!().with_test_time(bound).for_each(|input: &[u8]| {
        let mut lines = input.splitn(3, |byte| *byte == b'\n');
        let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let (content_type, kind) = (line(), line());
        let body = Bytes::copy_from_slice(lines.next().unwrap_or_default());
        let message = delivered(&content_type, &kind, body.clone());
        let items = read(&message).unwrap_or_default();
        for item in &items {
            let is_piece = body.as_ptr_range().contains(&item.body.as_ptr());
            assert!(is_piece || item.body.is_empty());
            // By itself among the rejected, it is read as the same.
            let again = delivered(&content_type, &item.kind, item.body.clone());
            let again = read(&again).unwrap_or_default();
            if let (Ok(draft), [alone]) = (&item.draft, again.as_slice()) {
                let data = alone.draft.as_ref().map(|draft| draft.data.clone());
                assert_eq!(data.as_ref(), Ok(&draft.data));
            }
        }
    });
}
