//! Frames within bounds, and texts that are texts.
//!
//! Source: AMQP 0-9-1, sections 2.3.5.2 and 4.2.6.1, and what RabbitMQ makes of the types of values
//! (<https://www.rabbitmq.com/docs/amqp-0-9-1-errata#section_3>).

use std::ops::Range;

/// How many tables and lists are read within one another, that of all headers among them. The
/// broker's own `x-death` has four: in the headers a list, in it tables, in them lists.
const NESTING: usize = 4;

/// The largest frame of properties that goes through as it is, in bytes: half of what a frame may
/// be by default, since what is passed on takes more headers along.
pub(super) const FRAME_BYTES: usize = 64 * 1024;

/// What stands before the payload of a frame: type, channel and size.
pub(super) const HEAD_BYTES: usize = 7;

/// The types of frames. Source: AMQP 0-9-1, section 4.2.3.
pub(super) const METHOD: u8 = 1;
pub(super) const PROPERTIES: u8 = 2;
pub(super) const BODY: u8 = 3;
pub(super) const HEARTBEAT: u8 = 8;

/// The class and the number of `basic.deliver`.
const DELIVER: [u8; 4] = [0, 60, 0, 60];

/// Where the flags stand that say which properties follow: after class, weight and body size.
const FLAGS_AT: usize = HEAD_BYTES + 12;

/// Which bit of the flags says that there are headers.
const HEADERS: u16 = 13;

/// The properties that are texts, before the headers and after them, by the bits of their flags; in
/// between and among them stand some of a fixed width.
const BEFORE: [Property; 2] = [Property::Text(15), Property::Text(14)];
const AFTER: [Property; 11] = [
    Property::Flat(12, 1),
    Property::Flat(11, 1),
    Property::Text(10),
    Property::Text(9),
    Property::Text(8),
    Property::Text(7),
    Property::Flat(6, 8),
    Property::Text(5),
    Property::Text(4),
    Property::Text(3),
    Property::Text(2),
];

/// A property other than the headers, by the bit of its flag.
enum Property {
    Text(u16),
    /// Of so many bytes.
    Flat(u16, usize),
}

/// The broker's own headers, which are kept where the others are too large together.
const BROKERS: [&[u8]; 2] = [b"x-death", b"x-delivery-count"];

/// Puts a whole frame within bounds: one that delivers a message, and one of a message's
/// properties.
///
/// A text that is not UTF-8 has question marks for what is not ASCII. A list or a table that is
/// nested deeper than [`NESTING`] becomes the bytes that it is, which have the same form but for the
/// letter of their type. Where the frame is larger than [`FRAME_BYTES`], or its headers can't be
/// followed, only those of the broker are left; the frame that is to stand instead is returned then.
pub(super) fn tame(frame: &mut [u8]) -> Option<Vec<u8>> {
    match *frame.first()? {
        METHOD => {
            deliver(frame);
            None
        }
        PROPERTIES => properties(frame),
        _ => None,
    }
}

/// The texts of a delivery: its consumer, its exchange and its routing key.
fn deliver(frame: &mut [u8]) -> Option<()> {
    let arguments = HEAD_BYTES + DELIVER.len();
    if frame.get(HEAD_BYTES..arguments)? != DELIVER {
        return Some(());
    }
    // A delivery's number and whether it comes again.
    let exchange = text(frame, arguments)? + 9;
    let routing_key = text(frame, exchange)?;
    text(frame, routing_key).map(drop)
}

fn properties(frame: &mut [u8]) -> Option<Vec<u8>> {
    let headers = headers(frame)?;
    let followed = flatten(&mut frame[headers.clone()]);
    if followed.is_some() && frame.len() <= FRAME_BYTES {
        return None;
    }
    let kept = followed.map(|()| of_broker(&frame[headers.clone()]));
    Some(with_headers(frame, &headers, &kept.unwrap_or_default()))
}

/// Where the headers of a frame stand, without their length; none where it has none, or is cut off.
/// The texts beside them are made ones on the way.
fn headers(frame: &mut [u8]) -> Option<Range<usize>> {
    let flags = u16::from_be_bytes(*frame.get(FLAGS_AT..)?.first_chunk()?);
    let start = skip(frame, FLAGS_AT + 2, flags, &BEFORE)?;
    if flags & (1 << HEADERS) == 0 {
        skip(frame, start, flags, &AFTER);
        return None;
    }
    let length = length(frame.get(start..)?)?;
    let start = start + 4;
    let end = start.checked_add(length)?;
    skip(frame, end, flags, &AFTER);
    // A frame ends with an octet of its own.
    (end < frame.len()).then_some(start..end)
}

/// The place behind those of these properties that are there.
fn skip(frame: &mut [u8], at: usize, flags: u16, all: &[Property]) -> Option<usize> {
    all.iter().try_fold(at, |at, property| match *property {
        Property::Text(bit) if flags & (1 << bit) != 0 => text(frame, at),
        Property::Flat(bit, bytes) if flags & (1 << bit) != 0 => Some(at + bytes),
        Property::Text(_) | Property::Flat(..) => Some(at),
    })
}

/// The place behind the text that begins there with its length, made one where it is none.
fn text(bytes: &mut [u8], at: usize) -> Option<usize> {
    let start = at.checked_add(1)?;
    let end = start + usize::from(*bytes.get(at)?);
    let text = bytes.get_mut(start..end)?;
    if std::str::from_utf8(text).is_err() {
        let strange = text.iter_mut().filter(|byte| !byte.is_ascii());
        strange.for_each(|byte| *byte = b'?');
    }
    Some(end)
}

fn length(bytes: &[u8]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(*bytes.first_chunk()?)).ok()
}

/// A value: what it takes after its type, and whether more values are in it.
enum Value {
    Flat(usize),
    List(usize),
    Table(usize),
}

/// The value at the beginning of these bytes, its type first; none where there is none.
fn value(bytes: &[u8]) -> Option<Value> {
    let (kind, rest) = bytes.split_first()?;
    Some(match kind {
        b'V' => Value::Flat(0),
        b't' | b'b' | b'B' => Value::Flat(1),
        b's' | b'U' | b'u' => Value::Flat(2),
        b'I' | b'i' | b'f' => Value::Flat(4),
        b'D' => Value::Flat(5),
        b'L' | b'l' | b'd' | b'T' => Value::Flat(8),
        b'S' | b'x' => Value::Flat(length(rest)?.checked_add(4)?),
        b'A' => Value::List(length(rest)?),
        b'F' => Value::Table(length(rest)?),
        _ => return None,
    })
}

/// What is open while a table is walked through.
struct Open {
    end: usize,
    has_names: bool,
}

/// Makes bytes of all that is nested too deep in a table; none where it is no table.
fn flatten(table: &mut [u8]) -> Option<()> {
    let mut at = 0;
    let mut open = vec![Open {
        end: table.len(),
        has_names: true,
    }];
    while let Some(Open { end, has_names }) = open.last() {
        let (end, has_names) = (*end, *has_names);
        if at == end {
            open.pop();
            continue;
        }
        if has_names {
            at = text(table, at)?;
        }
        let value = value(table.get(at..end)?)?;
        let (has_names, after) = match value {
            Value::Flat(bytes) => {
                at = (at + 1).checked_add(bytes).filter(|next| *next <= end)?;
                continue;
            }
            Value::List(bytes) => (false, bytes),
            Value::Table(bytes) => (true, bytes),
        };
        let inner = at + 5;
        let end = inner.checked_add(after).filter(|next| *next <= end)?;
        if open.len() < NESTING {
            open.push(Open { end, has_names });
            at = inner;
        } else {
            table[at] = b'x';
            at = end;
        }
    }
    Some(())
}

/// The broker's own entries of a table that was walked through; without those that are large.
fn of_broker(table: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut rest = table;
    while let Some((name, after)) = rest.split_first() {
        let name_bytes = usize::from(*name);
        let taken = match after.get(name_bytes..).and_then(value) {
            Some(Value::Flat(bytes)) => 1 + bytes,
            Some(Value::List(bytes) | Value::Table(bytes)) => 5 + bytes,
            None => break,
        };
        let (entry, others) = rest.split_at((1 + name_bytes + taken).min(rest.len()));
        let is_brokers = BROKERS.contains(&&entry[1..=name_bytes]);
        if is_brokers && kept.len() + entry.len() <= FRAME_BYTES / 2 {
            kept.extend_from_slice(entry);
        }
        rest = others;
    }
    kept
}

/// The frame with other headers.
fn with_headers(frame: &[u8], old: &Range<usize>, new: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut changed = Vec::with_capacity(frame.len() - old.len() + new.len());
    changed.extend_from_slice(&frame[..old.start - 4]);
    changed.extend_from_slice(&length(new.len()));
    changed.extend_from_slice(new);
    changed.extend_from_slice(&frame[old.end..]);
    let payload = length(changed.len() - HEAD_BYTES - 1);
    changed[3..HEAD_BYTES].copy_from_slice(&payload);
    changed
}

#[cfg(test)]
#[path = "frame_tests.rs"]
pub(super) mod tests;
