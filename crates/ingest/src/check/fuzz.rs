//! Fuzz targets: what publishers send. `docs/development.md` says how they are run.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bolero::check;
use bytes::Bytes;
use domain::id::TenantId;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Draft, binary, check as judge, envelope, fresh_ids, items, payload, structured};

/// How long each target runs as a test.
const BOUND: Duration = Duration::from_secs(1);

/// A draft's payload is a piece of what came in, is JSON, and is what fan-out will read.
fn keeps_every_byte(input: &Bytes, draft: Draft) {
    let data = draft.data.clone();
    let is_cut_out = input.as_ptr_range().contains(&data.as_ptr());
    assert!(is_cut_out || data == "null");
    let value: &RawValue = serde_json::from_slice(&data).expect("it was read as JSON");
    assert_eq!(value.get().as_bytes(), data);
    let tenant = TenantId::from_uuid(Uuid::nil());
    if let Ok(event) = judge(draft, tenant, fresh_ids(), OffsetDateTime::UNIX_EPOCH) {
        let carried = wire::accepted::decode(wire::accepted::encode(&event));
        let carried = carried.expect("what was accepted can be read");
        assert_eq!(carried.data, data);
        assert_eq!(carried, event);
    }
}

#[test]
fn body() {
    check!().with_test_time(BOUND).for_each(|input: &[u8]| {
        let input = Bytes::copy_from_slice(input);
        for draft in [envelope(&input), structured(&input)].into_iter().flatten() {
            keeps_every_byte(&input, draft);
        }
        for item in items(&input, 8).into_iter().flatten() {
            if let Ok(draft) = envelope(&item) {
                keeps_every_byte(&item, draft);
            }
        }
        let whole = payload(&input);
        assert_eq!(
            whole.is_ok(),
            serde_json::from_slice::<&RawValue>(&input).is_ok()
        );
    });
}

/// The values of a CloudEvent's headers, each on a line of its own, and then its payload.
#[test]
fn headers() {
    const NAMES: [&str; 7] = [
        "ce-specversion",
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-time",
        "ce-tenant",
        "ce-traceparent",
    ];
    check!().with_test_time(BOUND).for_each(|input: &[u8]| {
        let mut lines = input.splitn(NAMES.len() + 1, |byte| *byte == b'\n');
        let mut headers = HeaderMap::new();
        for (name, line) in NAMES.into_iter().zip(&mut lines) {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let body = Bytes::copy_from_slice(lines.next().unwrap_or_default());
        if let Ok(draft) = binary(&headers, &body) {
            keeps_every_byte(&body, draft);
        }
    });
}
