//! Tests of what is made of headers, without a broker, and a fuzz target.

use std::time::Duration;

use bolero::check;
use lapin::BasicProperties;
use lapin::types::generation::gen_field_table;
use lapin::types::parsing::parse_field_table;
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use rstest::rstest;

use super::*;
use crate::message::Outgoing;
use crate::properties::{death, delivery_count, outgoing, received, tag};
use crate::topology::Route;

/// A frame of properties: a content type, these headers, and a delivery mode after them.
pub(in crate::tamed) fn frame(headers: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    payload.extend((1_u16 << 15 | 1 << HEADERS | 1 << 12).to_be_bytes());
    payload.extend(b"\x04json");
    payload.extend(length(headers.len()));
    payload.extend(headers);
    payload.push(2);
    let mut frame = vec![2, 0, 1];
    frame.extend(length(payload.len()));
    frame.extend(payload);
    frame.push(0xce);
    frame
}

/// An entry whose value is so many lists, one in the other.
pub(in crate::tamed) fn nested(levels: usize) -> Vec<u8> {
    let mut entry = b"\x01a".to_vec();
    for level in (0..levels).rev() {
        entry.push(b'A');
        entry.extend(u32::try_from(level * 5).unwrap().to_be_bytes());
    }
    entry
}

/// What the library reads of a frame that was tamed; with it the frame.
fn tamed(headers: &[u8]) -> (Vec<u8>, FieldTable) {
    let mut frame = frame(headers);
    let changed = tame(&mut frame);
    let frame = changed.unwrap_or(frame);
    let size = u32::from_be_bytes(frame[3..7].try_into().unwrap());
    assert_eq!(size as usize, frame.len() - 8);
    assert!(frame.len() <= FRAME_BYTES && frame.ends_with(b"\x02\xce"));
    let at = super::headers(&mut frame.clone()).expect("it has headers as before");
    let (rest, table) = parse_field_table(&frame[at.start - 4..at.end]).unwrap();
    assert!(rest.is_empty());
    (frame, table)
}

fn written(table: &FieldTable) -> Vec<u8> {
    let written = gen_field_table(table)(Vec::new().into()).unwrap();
    written.into_inner().0[4..].to_vec()
}

fn depth(value: &AMQPValue) -> usize {
    match value {
        AMQPValue::FieldArray(list) => 1 + list.as_slice().iter().map(depth).max().unwrap_or(0),
        AMQPValue::FieldTable(table) => 1 + table.inner().values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// As the broker writes it, in headers with others.
fn deaths() -> FieldTable {
    let mut death = FieldTable::default();
    death.insert("queue".into(), AMQPValue::LongString("inbox".into()));
    death.insert(
        "reason".into(),
        AMQPValue::LongString("delivery_limit".into()),
    );
    let keys = vec![AMQPValue::LongString("event".into())];
    death.insert("routing-keys".into(), AMQPValue::FieldArray(keys.into()));
    let deaths = FieldArray::from(vec![AMQPValue::FieldTable(death)]);
    let mut headers = FieldTable::default();
    headers.insert("x-death".into(), AMQPValue::FieldArray(deaths));
    headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(7));
    headers.insert("own".into(), AMQPValue::LongString("text".into()));
    headers
}

#[test]
fn what_the_broker_and_publishers_write_stays_as_it_is() {
    let headers = written(&deaths());
    let (frame, table) = tamed(&headers);
    assert_eq!(frame, super::tests::frame(&headers));
    assert_eq!(table, deaths());
    let (_, none) = tamed(b"");
    assert_eq!(none, FieldTable::default());
}

#[rstest]
#[case(3)]
#[case(4)]
#[case(26_000)]
fn what_is_nested_deeper_becomes_bytes(#[case] levels: usize) {
    let (frame, table) = tamed(&nested(levels));
    let is_kept = levels < 26_000;
    assert_eq!(table.contains_key("a"), is_kept);
    assert_eq!(
        frame.len() == super::tests::frame(&nested(levels)).len(),
        is_kept
    );
    let deepest = table.inner().values().map(depth).max().unwrap_or(0);
    assert!(deepest < NESTING, "{deepest}");
}

#[test]
fn of_headers_that_are_too_large_the_brokers_are_left() {
    let mut headers = written(&deaths());
    headers.extend(b"\x04moreS");
    headers.extend(u32::try_from(FRAME_BYTES).unwrap().to_be_bytes());
    headers.extend(vec![b'x'; FRAME_BYTES]);
    let (_, table) = tamed(&headers);
    let properties = BasicProperties::default().with_headers(table);
    assert_eq!(delivery_count(&properties), Some(7));
    assert_eq!(death(&properties).unwrap().queue, "inbox");
    assert!(received(&properties).headers.is_empty());
}

#[rstest]
#[case(b"\x01a?")]
#[case(b"\x01aS\xff\xff\xff\xff")]
#[case(b"\x01aA\0\0\0\x09")]
#[case(b"\xff")]
#[case(b"\x01a")]
fn headers_that_cannot_be_followed_are_left_out(#[case] headers: &[u8]) {
    assert_eq!(tamed(headers).1, FieldTable::default());
}

#[test]
fn a_frame_that_is_none_is_left_alone() {
    let whole = frame(b"\x01at\x01");
    for cut in 0..whole.len() {
        let mut frame = whole[..cut].to_vec();
        assert!(tame(&mut frame).is_none() || cut + 2 > whole.len());
    }
}

#[test]
fn texts_that_are_none_become_some() {
    let (_, table) = tamed(b"\x03a\xffbt\x01");
    assert!(table.contains_key("a?b"));
    // A consumer, a number, whether it comes again, an exchange and a routing key.
    let payload = b"\0\x3c\0\x3c\x01c\0\0\0\0\0\0\0\x01\0\x02\xc3\xa4\x02\xff\xfe";
    let mut deliver = [&[METHOD, 0, 1, 0, 0, 0, 24][..], payload, &[0xce]].concat();
    assert_eq!(tame(&mut deliver), None);
    assert!(deliver.ends_with(b"\x02\xc3\xa4\x02??\xce"));
    let mut beside = frame(b"");
    let flags = (1_u16 << 15 | 1 << 7).to_be_bytes();
    beside.splice(
        FLAGS_AT..,
        [&flags[..], b"\x01\xff\x03m\xfe\xfd\xce"].concat(),
    );
    assert_eq!(tame(&mut beside), None);
    assert!(beside.ends_with(b"\x01?\x03m??\xce"));
}

/// A fuzz target: a table of headers as it comes over the wire. What is taken of it goes on and
/// comes back.
#[test]
fn properties() {
    let bound = Duration::from_secs(1);
    check!().with_test_time(bound).for_each(|input: &[u8]| {
        let (_, headers) = tamed(input);
        let properties = BasicProperties::default().with_headers(headers);
        let _ = (
            death(&properties),
            delivery_count(&properties),
            tag(&properties),
        );
        let taken = received(&properties);
        let sent = Outgoing::new(Route::inbox(), "", "", "").with_headers(taken.headers.clone());
        assert_eq!(received(&outgoing(&sent, 1, 1)).headers, taken.headers);
    });
}
