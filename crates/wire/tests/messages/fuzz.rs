//! A fuzz target: messages as bytes. `docs/development.md` says how it is run.

use std::fmt::Debug;
use std::time::Duration;

use bolero::check;
use bytes::Bytes;

/// How long the target runs as a test.
const BOUND: Duration = Duration::from_secs(1);

/// What can be read can be written, and is read as the same.
fn there_and_back<T: Debug + PartialEq>(
    input: &Bytes,
    decode: fn(Bytes) -> Result<T, wire::DecodeError>,
    encode: fn(&T) -> Bytes,
) {
    if let Ok(read) = decode(input.clone()) {
        assert_eq!(decode(encode(&read)).as_ref(), Ok(&read));
    }
}

#[test]
fn message() {
    check!().with_test_time(BOUND).for_each(|input: &[u8]| {
        let input = Bytes::copy_from_slice(input);
        there_and_back(&input, wire::batch::split, |items| {
            wire::batch::join(items.clone())
        });
        there_and_back(&input, wire::inbox::decode, wire::inbox::encode);
        there_and_back(&input, wire::accepted::decode, wire::accepted::encode);
        there_and_back(&input, wire::report::decode, wire::report::encode);
        there_and_back(&input, wire::watermark::decode, wire::watermark::encode);
        there_and_back(&input, wire::breaker::decode, wire::breaker::encode);
        let _ = wire::inbox::split_batch(input.clone());
        for dispatch in wire::dispatch::decode(input).into_iter().flatten() {
            let again = wire::dispatch::decode(wire::dispatch::encode_one(&dispatch));
            assert_eq!(again.as_deref(), Ok(&[dispatch][..]));
        }
    });
}
