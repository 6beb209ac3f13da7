use domain::dispatch::Payload;
use domain::trace::TraceContext;
use proptest::prelude::*;
use rstest::rstest;
use signature::Secret;
use time::macros::datetime;
use uuid::Uuid;

use super::*;

fn content() -> Content {
    Content {
        event: EventId::from_uuid(Uuid::from_u128(1)),
        tenant: TenantId::from_uuid(Uuid::from_u128(2)),
        event_type: "shipment.created".parse().unwrap(),
        timestamp: datetime!(2026-11-23 11:00:00.25 +01:00),
        accepted_at: datetime!(2026-11-23 10:00:01 UTC),
        payload: Payload::Stored,
        trace: TraceContext::default(),
    }
}

#[rstest]
#[case(
    BodyFormat::Guide,
    r#"{"event":"shipment.created","data":{"a": 1.10},"timestamp":"2026-11-23T10:00:00.25Z"}"#
)]
#[case(
    BodyFormat::Standard,
    r#"{"type":"shipment.created","timestamp":"2026-11-23T10:00:00.25Z","data":{"a": 1.10}}"#
)]
#[case(
    BodyFormat::CloudEvents,
    r#"{"specversion":"1.0","id":"evt_00000000000000000000000000000001","source":"/tenants/ten_00000000000000000000000000000002","type":"shipment.created","time":"2026-11-23T10:00:00.25Z","datacontenttype":"application/json","data":{"a": 1.10}}"#
)]
fn members_stand_in_their_order(#[case] format: BodyFormat, #[case] expected: &str) {
    let body = Bodies::default().get(format, &content(), br#"{"a": 1.10}"#);
    assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
}

#[test]
fn endpoints_of_one_format_share_the_body() {
    let bodies = Bodies::default();
    let first = bodies.get(BodyFormat::Standard, &content(), b"1");
    let second = bodies.get(BodyFormat::Standard, &content(), b"1");
    assert_eq!(first.as_ptr(), second.as_ptr());
}

proptest! {
    /// Whatever the payload's bytes are: they arrive as they are, and the body verifies.
    #[test]
    fn the_payload_is_kept_byte_for_byte(data: Vec<u8>, key in any::<[u8; 32]>()) {
        let content = content();
        for format in BodyFormat::ALL {
            let with = Bodies::default().get(format, &content, &data);
            let without = Bodies::default().get(format, &content, b"");
            let at = (0..=without.len())
                .find(|at| {
                    let (before, after) = without.split_at(*at);
                    [before, &data, after].concat() == with[..] && before.ends_with(b"\"data\":")
                });
            prop_assert!(at.is_some());
        }
        let secret = Secret::from_bytes(key.to_vec()).unwrap();
        let unsigned = Bodies::default().get(BodyFormat::Guide, &content, &data);
        let sealed = signature::guide::seal(&secret, &unsigned).unwrap();
        prop_assert!(sealed.starts_with(&unsigned[..unsigned.len() - 1]));
        prop_assert!(signature::guide::verify([&secret], &sealed).is_ok());
    }
}
