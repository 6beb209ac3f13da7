//! A compiled schema, and the check of a payload.

use domain::limits;
use domain::schema::Violation;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::bounds;
use crate::deep::Deep;
use crate::explain::{self, clipped};
use crate::meter::{Exhausted, Meter, Prices};
use crate::node::{Metered, Node};
use crate::pointer::fragment;

/// Regular expressions of up to so many bytes once compiled are matched in less than a microsecond
/// for each byte of a text, however it is made.
const SMALL_PATTERN_BYTES: usize = 8 * 1024;

/// The largest regular expression once compiled, in bytes: some ten microseconds.
const PATTERN_BYTES: usize = 128 * 1024;

/// How many steps a byte of a text costs where all regular expressions are small.
const TEXT_BYTE_STEPS: usize = 4;

/// The same where one of them is not.
const TEXT_BYTE_STEPS_LARGE: usize = 32;

/// The cache of a regular expression, in bytes, for each thread that matches with it.
const PATTERN_CACHE_BYTES: usize = 256 * 1024;

/// Why a text is no schema that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SchemaError {
    /// Where in the schema: a JSON pointer as in a URI fragment, without `#`. Empty where it is
    /// the whole.
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

impl SchemaError {
    /// It is the schema as a whole.
    pub(crate) fn whole(detail: impl Into<String>) -> Self {
        Self {
            pointer: String::new(),
            detail: detail.into(),
        }
    }

    fn of(error: &ValidationError<'_>) -> Self {
        Self {
            pointer: fragment(
                error.instance_path().as_str(),
                limits::VIOLATION_POINTER_BYTES,
            ),
            detail: explain::schema(error),
        }
    }
}

/// A schema, compiled.
#[derive(Debug)]
pub struct Schema {
    validator: Validator<Metered>,
    prices: Prices,
}

impl Schema {
    /// Compiles a schema: draft 2020-12, or the older one that its `$schema` names.
    ///
    /// Formats are checked. Regular expressions are matched in linear time, so one with a look
    /// around or a back reference is refused.
    ///
    /// # Errors
    /// When it is no schema, refers to anything outside itself, or is out of bounds:
    /// [`limits::SCHEMA_BYTES`], [`limits::SCHEMA_NESTING`], [`limits::SCHEMA_PATTERNS`].
    pub fn compile(_: &Deep, text: &str) -> Result<Self, SchemaError> {
        if text.len() > limits::SCHEMA_BYTES {
            let detail = format!("it is larger than {} bytes", limits::SCHEMA_BYTES);
            return Err(SchemaError::whole(detail));
        }
        let schema: Value = serde_json::from_str(text)
            .map_err(|error| SchemaError::whole(format!("it can't be read: {error}")))?;
        bounds::keep(&schema)?;
        let small = validator(&schema, SMALL_PATTERN_BYTES);
        let (validator, text_byte) = match small {
            Ok(small) => (small, TEXT_BYTE_STEPS),
            Err(_) => (validator(&schema, PATTERN_BYTES)?, TEXT_BYTE_STEPS_LARGE),
        };
        let prices = Prices {
            text_byte,
            violation: 256 + text.len(),
        };
        Ok(Self { validator, prices })
    }

    /// Checks a payload, JSON text.
    ///
    /// Whole numbers from -2^63 to 2^64-1 are exact, all others are the nearest double. What can't
    /// be read so (a number beyond 1.8e308, half a surrogate pair, a 128th level of nesting), and what can't be checked
    /// within the bounds, is a violation. Of several members of one name the last counts.
    ///
    /// # Errors
    /// How it violates the schema: 1 to [`limits::VIOLATIONS`], where there are more the first.
    pub fn check(&self, _: &Deep, payload: &[u8]) -> Result<(), Vec<Violation>> {
        let payload: Value = serde_json::from_slice(payload).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            vec![whole(format!(
                "what stands at line {line} column {column} can't be checked: a number beyond \
                 1.8e308, half a surrogate pair, or a 128th level of nesting"
            ))]
        })?;
        let is_valid = self.metered(|meter| self.validator.is_valid(Node::new(&payload, meter)));
        match is_valid {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.violations(&payload)),
            Err(Exhausted) => Err(vec![whole(
                "the check takes more steps than it may: simplify the schema or the payload",
            )]),
        }
    }

    /// All violations where they can be had, else the first, of a payload that has some.
    fn violations(&self, payload: &Value) -> Vec<Violation> {
        let all = self.metered(|meter| {
            let errors = self.validator.iter_errors(Node::new(payload, meter));
            let mut all: Vec<Violation> = errors
                .flat_map(|error| explain::violations(&error))
                .collect();
            all.truncate(limits::VIOLATIONS);
            all
        });
        let found = all.or_else(|Exhausted| {
            self.metered(|meter| {
                let first = self.validator.validate(Node::new(payload, meter));
                first.map_or_else(|error| explain::violations(&error), |()| Vec::new())
            })
        });
        match found {
            Ok(mut found) if !found.is_empty() => {
                found.truncate(limits::VIOLATIONS);
                found
            }
            Ok(_) | Err(Exhausted) => {
                vec![whole("it violates the schema in too many ways to tell")]
            }
        }
    }

    fn metered<T>(&self, check: impl FnOnce(&Meter) -> T) -> Result<T, Exhausted> {
        Meter::run(self.prices, check)
    }
}

fn validator(schema: &Value, pattern_bytes: usize) -> Result<Validator<Metered>, SchemaError> {
    let patterns = PatternOptions::regex()
        .size_limit(pattern_bytes)
        .dfa_size_limit(PATTERN_CACHE_BYTES);
    jsonschema::options_for::<Metered>()
        .offline()
        .with_pattern_options(patterns)
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| SchemaError::of(&error))
}

/// A violation of the payload as a whole.
fn whole(detail: impl Into<String>) -> Violation {
    Violation {
        pointer: String::new(),
        detail: clipped(detail.into()),
    }
}
