//! Fuzz targets: filters and payloads. `docs/development.md` says how they are run.

use std::time::Duration;

use bolero::check;
use serde_json::value::RawValue;

use crate::{Filter, Payload, STEPS, Steps};

/// How long each target runs as a test.
const BOUND: Duration = Duration::from_secs(1);

/// A filter, a NUL byte and a payload: what is asked is answered within the steps, twice the same.
#[test]
fn filter() {
    check!().with_test_time(BOUND).for_each(|input: &[u8]| {
        let Some(end) = input.iter().position(|byte| *byte == 0) else {
            return;
        };
        let (source, data) = (&input[..end], &input[end + 1..]);
        let Ok(source) = std::str::from_utf8(source) else {
            return;
        };
        let Ok(filter) = source.parse::<Filter>() else {
            return;
        };
        assert_eq!(filter.to_string().parse().as_ref(), Ok(&filter));
        if let Ok(payload) = Payload::read(data) {
            let ask = || filter.selects(&payload, &mut Steps::new(STEPS));
            assert_eq!(ask(), ask());
        }
    });
}

/// What is read as JSON is what the JSON library takes for it.
#[test]
fn payload() {
    check!().with_test_time(BOUND).for_each(|data: &[u8]| {
        let theirs = serde_json::from_slice::<&RawValue>(data).is_ok();
        let ours = Payload::read(data).is_ok();
        // Ours has a bound on the nesting, and theirs has none here.
        let is_deep = data
            .iter()
            .filter(|byte| matches!(byte, b'[' | b'{'))
            .count()
            > 128;
        assert!(ours == theirs || (is_deep && !ours));
    });
}
