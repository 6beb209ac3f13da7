//! Values as comparisons see them.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::number;
use crate::payload::{At, Kind, Payload};
use crate::steps::{OutOfSteps, Steps};
use crate::text::Text;

/// One side of a comparison, found.
#[derive(Debug, Clone)]
pub(crate) enum Value<'v> {
    /// The query found nothing.
    Nothing,
    Null,
    Bool(bool),
    Number(Cow<'v, str>),
    String(Text<'v>),
    /// An array or an object of the payload.
    Container(At),
}

impl<'v> Value<'v> {
    pub(crate) fn at(payload: &Payload<'v>, at: At) -> Self {
        match payload.kind(at) {
            Kind::Null => Self::Null,
            Kind::Bool(value) => Self::Bool(value),
            Kind::Number(text) => Self::Number(Cow::Borrowed(text)),
            Kind::String(text) => Self::String(text),
            Kind::Array | Kind::Object => Self::Container(at),
        }
    }
}

/// Compares values of one payload within a number of steps.
pub(crate) struct Comparing<'p, 'v, 's> {
    pub(crate) payload: &'p Payload<'v>,
    pub(crate) steps: &'s mut Steps,
}

impl Comparing<'_, '_, '_> {
    /// Whether one is before the other: numbers and texts are, all else has no order.
    pub(crate) fn less(&mut self, one: &Value<'_>, other: &Value<'_>) -> Result<bool, OutOfSteps> {
        self.pay(one, other)?;
        Ok(match (one, other) {
            (Value::Number(one), Value::Number(other)) => {
                number::order(one, other) == Ordering::Less
            }
            (Value::String(one), Value::String(other)) => one.order(*other) == Ordering::Less,
            _ => false,
        })
    }

    /// Whether the two are the same. Nothing is the same as nothing; arrays and objects are if
    /// all that is in them is, members in whatever order.
    pub(crate) fn equal(&mut self, one: &Value<'_>, other: &Value<'_>) -> Result<bool, OutOfSteps> {
        self.pay(one, other)?;
        Ok(match (one, other) {
            (Value::Nothing, Value::Nothing) | (Value::Null, Value::Null) => true,
            (Value::Bool(one), Value::Bool(other)) => one == other,
            (Value::Number(one), Value::Number(other)) => {
                number::order(one, other) == Ordering::Equal
            }
            (Value::String(one), Value::String(other)) => one.is(*other),
            (Value::Container(one), Value::Container(other)) => self.equal_within(*one, *other)?,
            _ => false,
        })
    }

    /// As deep as the payload, which is bounded.
    fn equal_within(&mut self, one: At, other: At) -> Result<bool, OutOfSteps> {
        match (self.payload.kind(one), self.payload.kind(other)) {
            (Kind::Array, Kind::Array) => self.equal_elements(one, other),
            (Kind::Object, Kind::Object) => {
                Ok(self.has_members_of(one, other)? && self.has_members_of(other, one)?)
            }
            _ => Ok(false),
        }
    }

    fn equal_elements(&mut self, one: At, other: At) -> Result<bool, OutOfSteps> {
        let payload = self.payload;
        let (mut these, mut those) = (payload.children(one), payload.children(other));
        loop {
            match (these.next(), those.next()) {
                (None, None) => return Ok(true),
                (Some(this), Some(that)) if self.equal_at(this, that)? => {}
                _ => return Ok(false),
            }
        }
    }

    /// Whether each member of `other` is in `one` with the same value.
    fn has_members_of(&mut self, one: At, other: At) -> Result<bool, OutOfSteps> {
        for member in self.payload.children(other) {
            let Some(name) = self.payload.name(member) else {
                continue;
            };
            // Of several with one name the last counts, on either side.
            let counts = self.member(other, name)?;
            let same = match (counts, self.member(one, name)?) {
                (Some(this), Some(that)) => this != member || self.equal_at(this, that)?,
                _ => false,
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn equal_at(&mut self, one: At, other: At) -> Result<bool, OutOfSteps> {
        let (one, other) = (Value::at(self.payload, one), Value::at(self.payload, other));
        self.equal(&one, &other)
    }

    /// The member of this name; of several the last.
    pub(crate) fn member(&mut self, of: At, name: Text<'_>) -> Result<Option<At>, OutOfSteps> {
        let mut found = None;
        if !matches!(self.payload.kind(of), Kind::Object) {
            return Ok(found);
        }
        for member in self.payload.children(of) {
            let Some(its) = self.payload.name(member) else {
                continue;
            };
            self.steps.take_for(its.comparison_cost_bytes(name))?;
            if its.is(name) {
                found = Some(member);
            }
        }
        Ok(found)
    }

    /// Texts are compared to the end of the shorter, numbers have to be read to their ends.
    fn pay(&mut self, one: &Value<'_>, other: &Value<'_>) -> Result<(), OutOfSteps> {
        let bytes = match (one, other) {
            (Value::String(one), Value::String(other)) => one.cost_bytes().min(other.cost_bytes()),
            (Value::Number(one), Value::Number(other)) => 4 * (one.len() + other.len()),
            _ => 0,
        };
        self.steps.take_for(bytes)
    }
}
