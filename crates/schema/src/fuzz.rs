//! A fuzz target: a schema and a payload. `docs/development.md` says how it is run.

use std::time::Duration;

use bolero::check;
use domain::limits;

use crate::{Schema, deeply};

/// How long the target runs as a test.
const BOUND: Duration = Duration::from_secs(1);

/// A schema, a NUL byte and a payload: the verdict comes within the bounds, and is twice the same.
#[test]
fn schema() {
    check!().with_test_time(BOUND).for_each(|input: &[u8]| {
        let Some(end) = input.iter().position(|byte| *byte == 0) else {
            return;
        };
        let (schema, payload) = (&input[..end], &input[end + 1..]);
        let Ok(schema) = std::str::from_utf8(schema) else {
            return;
        };
        let judged = deeply(|deep| {
            let schema = Schema::compile(deep, schema).ok()?;
            let verdict = schema.check(deep, payload);
            assert_eq!(verdict, schema.check(deep, payload));
            verdict.err()
        });
        for violation in judged.expect("there is a thread").into_iter().flatten() {
            assert!(violation.pointer.len() <= limits::VIOLATION_POINTER_BYTES);
            assert!(violation.detail.len() <= limits::VIOLATION_DETAIL_BYTES);
        }
    });
}
