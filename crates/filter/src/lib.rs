//! Filters on payloads: the logical expressions of JSONPath (RFC 9535, section 2.3.5), read within
//! bounds and evaluated within a number of steps.
//!
//! A [`Filter`] is what stands after the `?` in `$[?…]`, with the payload for both `@` and `$`:
//! `@.status == 'created' && @.items[?@.quantity > 10]`. It is read once and then asked of each
//! [`Payload`], which is read once for however many filters.
//!
//! **Invariants:** whatever the filter and whatever the payload, nothing here panics, recurses
//! deeper than [`NESTING`] and [`PAYLOAD_NESTING`] allow, or works on after its [`Steps`] are used
//! up. A payload is never written, only looked at: numbers are compared as the decimals that they
//! are, and texts by their code points, so no payload is beyond it.
//!
//! Deliberately absent: `..`, slices, several selectors in one pair of brackets, and the functions
//! but for `length`; `docs/adr/0008-the-filter-language.md` says why.

mod expression;
mod filter;
mod parser;
mod scanner;

mod payload;
mod reader;

mod number;
mod text;

mod evaluation;
mod steps;
mod value;

#[cfg(test)]
mod fuzz;

pub use filter::Filter;
pub use parser::{ParseFilterError, Reason};
pub use payload::{Malformed, Payload};
pub use steps::{OutOfSteps, Steps};

/// The longest filter, in bytes.
pub const SOURCE_BYTES: usize = 1_024;

/// The most parentheses and brackets that may be open at once in a filter.
pub const NESTING: usize = 8;

/// The most arrays and objects that may be open at once in a payload.
pub const PAYLOAD_NESTING: usize = 128;

/// The most steps that one filter takes on one payload. A step looks at one member, element or
/// part of an expression, or at 16 bytes of a text (4 of a number, or of a text with escapes): 10
/// to 100 ns.
pub const STEPS: u32 = 10_000;
