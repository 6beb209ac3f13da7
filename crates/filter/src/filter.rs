//! A filter: its text and what the text says.

use std::fmt;
use std::str::FromStr;

use crate::evaluation::Evaluation;
use crate::expression::Expression;
use crate::parser::{self, ParseFilterError};
use crate::payload::Payload;
use crate::steps::{OutOfSteps, Steps};

/// A condition on payloads, ready to be asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Filter {
    source: Box<str>,
    expression: Expression,
}

impl Filter {
    /// Whether it holds for this payload. What a query does not find is no error: it equals
    /// nothing but what another does not find.
    ///
    /// # Errors
    /// [`OutOfSteps`] when `steps` are used up before that is known.
    pub fn selects(&self, payload: &Payload<'_>, steps: &mut Steps) -> Result<bool, OutOfSteps> {
        Evaluation::new(payload, steps).holds(&self.expression)
    }

    /// The text that it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl FromStr for Filter {
    type Err = ParseFilterError;

    fn from_str(source: &str) -> Result<Self, ParseFilterError> {
        Ok(Self {
            expression: parser::parse(source)?,
            source: source.into(),
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.source).finish()
    }
}

#[cfg(test)]
mod tests;
