//! Bytes that mean nothing in the domain are an error, and never a panic.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use rstest::rstest;
use wire::DecodeError;

use crate::samples;

/// A field with bytes in it. Appended to a message it replaces a single one of that number, since
/// the last one counts, and adds to a repeated one.
fn bytes_field(number: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    assert!(number < 16 && length < 128, "one byte each");
    [&[number << 3 | 2, length], value].concat()
}

/// A number's field, appended likewise.
fn varint_field(number: u8, mut value: u64) -> Vec<u8> {
    assert!(number < 16, "one byte");
    let mut field = vec![number << 3];
    while value >= 0x80 {
        field.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    field.push(value.to_le_bytes()[0]);
    field
}

fn fixed_field(number: u8, value: i64) -> Vec<u8> {
    assert!(number < 16, "one byte");
    [&[number << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn refused(name: &'static str) -> DecodeError {
    DecodeError::Field { name }
}

#[rstest]
#[case(bytes_field(1, &[7; 15]), "event_id")]
#[case(bytes_field(1, &[7; 17]), "event_id")]
#[case(bytes_field(2, &[]), "ingest_id")]
#[case(bytes_field(3, &[0]), "tenant_id")]
#[case(bytes_field(4, b"shipment..created"), "event_type")]
#[case(bytes_field(4, b""), "event_type")]
#[case(fixed_field(6, i64::MAX), "timestamp_us")]
#[case(fixed_field(7, i64::MIN), "accepted_at_us")]
#[case(bytes_field(8, b"two words"), "channels")]
#[case(bytes_field(9, &[0; 31]), "fingerprint")]
fn accepted_event(#[case] field: Vec<u8>, #[case] name: &'static str) {
    let valid = wire::accepted::encode(&samples::keyed());
    let item = Bytes::from([&valid[..], &field].concat());
    assert_eq!(wire::accepted::decode(item), Err(refused(name)));
}

#[rstest]
#[case(bytes_field(1, &[7; 15]), "event_id")]
#[case(bytes_field(2, &[7; 15]), "tenant_id")]
#[case(bytes_field(3, b"*"), "event_type")]
#[case(fixed_field(4, i64::MAX), "timestamp_us")]
#[case(fixed_field(5, i64::MAX), "accepted_at_us")]
fn dispatch(#[case] field: Vec<u8>, #[case] name: &'static str) {
    let valid = wire::dispatch::encode(&samples::inline(), &samples::targets());
    let item = Bytes::from([&valid[..], &field].concat());
    assert_eq!(wire::dispatch::decode(item), Err(refused(name)));
}

/// A whole target beside two good ones: the item falls as one.
#[rstest]
#[case(bytes_field(1, &[7; 15]), "delivery_id")]
#[case(bytes_field(2, &[7; 1]), "endpoint_id")]
#[case(varint_field(3, 0), "attempt")]
#[case(varint_field(3, 65_536), "attempt")]
#[case(varint_field(4, 0), "trigger")]
#[case(varint_field(4, 3), "trigger")]
#[case(bytes_field(5, &[7; 2]), "replay_of")]
fn dispatch_target(#[case] field: Vec<u8>, #[case] name: &'static str) {
    let good = [
        bytes_field(1, &[7; 16]),
        bytes_field(2, &[7; 16]),
        varint_field(3, 1),
        varint_field(4, 1),
    ];
    let target = [good.concat(), field].concat();
    let valid = wire::dispatch::encode(&samples::inline(), &samples::targets());
    let item = Bytes::from([&valid[..], &bytes_field(9, &target)].concat());
    assert_eq!(wire::dispatch::decode(item), Err(refused(name)));
}

#[test]
fn a_dispatch_without_a_payload() {
    let valid = wire::dispatch::encode(&samples::stored(), &samples::targets());
    let stored = bytes_field(8, &[]);
    let at = valid
        .windows(stored.len())
        .position(|window| window == stored)
        .unwrap();
    let item = Bytes::from([&valid[..at], &valid[at + stored.len()..]].concat());
    assert_eq!(wire::dispatch::decode(item), Err(refused("payload")));
}

#[rstest]
#[case(bytes_field(1, &[7; 15]), "delivery_id")]
#[case(bytes_field(2, &[7; 15]), "endpoint_id")]
#[case(varint_field(3, 0), "trigger")]
#[case(varint_field(3, 9), "trigger")]
#[case(bytes_field(4, &[7; 15]), "replay_of")]
#[case(bytes_field(5, &[7; 15]), "event_id")]
#[case(bytes_field(6, &[7; 15]), "tenant_id")]
#[case(bytes_field(7, b".."), "event_type")]
#[case(fixed_field(8, i64::MAX), "accepted_at_us")]
#[case(fixed_field(9, i64::MAX), "at_us")]
#[case(varint_field(10, 0), "standing_attempt")]
#[case(varint_field(10, 65_536), "standing_attempt")]
#[case(bytes_field(11, &fixed_field(1, i64::MAX)), "next_attempt_at_us")]
#[case(bytes_field(13, &bytes_field(1, b"bored")), "reason")]
fn report(#[case] field: Vec<u8>, #[case] name: &'static str) {
    let [(_, waiting), ..] = samples::reports();
    let valid = wire::report::encode(&waiting);
    let item = Bytes::from([&valid[..], &field].concat());
    assert_eq!(wire::report::decode(item), Err(refused(name)));
}

#[rstest]
#[case(bytes_field(1, &[7; 15]), "endpoint_id")]
#[case(bytes_field(2, &[7; 15]), "dispatcher_id")]
#[case(fixed_field(3, i64::MAX), "since_us")]
#[case(bytes_field(6, &fixed_field(1, i64::MAX)), "retry_at_us")]
fn breaker(#[case] field: Vec<u8>, #[case] name: &'static str) {
    let [(_, closed), ..] = samples::breakers();
    let valid = wire::breaker::encode(&closed);
    let item = Bytes::from([&valid[..], &field].concat());
    assert_eq!(wire::breaker::decode(item), Err(refused(name)));
}

#[test]
fn nothing_at_all() {
    let empty = Bytes::new();
    assert!(wire::accepted::decode(empty.clone()).is_err());
    assert!(wire::dispatch::decode(empty.clone()).is_err());
    assert!(wire::report::decode(empty.clone()).is_err());
    assert!(wire::breaker::decode(empty).is_err());
}

fn decode_all(bytes: &Bytes) {
    let _ = wire::accepted::decode(bytes.clone());
    let _ = wire::dispatch::decode(bytes.clone());
    let _ = wire::report::decode(bytes.clone());
    let _ = wire::breaker::decode(bytes.clone());
    let _ = wire::inbox::decode(bytes.clone());
    let _ = wire::inbox::split_batch(bytes.clone());
    let _ = wire::batch::split(bytes.clone());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        decode_all(&bytes.into());
    }

    /// Nearly valid bytes reach deeper than arbitrary ones.
    #[test]
    fn damaged_messages_never_panic(
        which: Index,
        damage: Vec<(Index, u8)>,
        cut: Index,
    ) {
        let [(_, report), ..] = samples::reports();
        let messages = [
            wire::accepted::encode(&samples::keyed()),
            wire::dispatch::encode(&samples::inline(), &samples::targets()),
            wire::report::encode(&report),
            wire::inbox::encode(&samples::inbox()),
        ];
        let mut bytes = which.get(&messages).to_vec();
        for (at, byte) in damage {
            *at.get_mut(&mut bytes) = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        decode_all(&bytes.into());
    }
}
