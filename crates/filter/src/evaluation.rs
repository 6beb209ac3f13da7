//! A filter asked of a payload, within a number of steps.

use std::borrow::Cow;

use crate::expression::{Comparison, Expression, Operand, Operator, Origin, Query, Segment};
use crate::payload::{At, Kind, Payload};
use crate::steps::{OutOfSteps, Steps};
use crate::text::Text;
use crate::value::{Comparing, Value};

/// One filter on one payload. It recurses once for each level of the filter and each segment of a
/// query, both of which the filter's own bounds limit.
pub(crate) struct Evaluation<'p, 'v, 's> {
    payload: &'p Payload<'v>,
    steps: &'s mut Steps,
}

impl<'p, 'v, 's> Evaluation<'p, 'v, 's> {
    pub(crate) fn new(payload: &'p Payload<'v>, steps: &'s mut Steps) -> Self {
        Self { payload, steps }
    }

    /// Whether the expression holds for the whole payload.
    pub(crate) fn holds(&mut self, expression: &Expression) -> Result<bool, OutOfSteps> {
        self.holds_at(expression, Payload::ROOT)
    }

    fn holds_at(&mut self, expression: &Expression, current: At) -> Result<bool, OutOfSteps> {
        self.steps.take()?;
        match expression {
            Expression::Any(any) => {
                for one in any {
                    if self.holds_at(one, current)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Expression::All(all) => {
                for one in all {
                    if !self.holds_at(one, current)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Expression::Not(one) => Ok(!self.holds_at(one, current)?),
            Expression::Exists(query) => self.exists(origin(query, current), &query.segments),
            Expression::Comparison(comparison) => self.compares(comparison, current),
        }
    }

    /// Whether these segments lead anywhere from there.
    fn exists(&mut self, from: At, segments: &[Segment]) -> Result<bool, OutOfSteps> {
        self.steps.take()?;
        let Some((first, rest)) = segments.split_first() else {
            return Ok(true);
        };
        match first {
            Segment::Name(_) | Segment::Index(_) => match self.single(from, first)? {
                Some(found) => self.exists(found, rest),
                None => Ok(false),
            },
            Segment::Each => {
                for child in self.payload.children(from) {
                    if self.exists(child, rest)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Segment::Where(condition) => {
                for child in self.payload.children(from) {
                    if self.holds_at(condition, child)? && self.exists(child, rest)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// Where one segment of a singular query leads.
    fn single(&mut self, from: At, segment: &Segment) -> Result<Option<At>, OutOfSteps> {
        match segment {
            Segment::Name(name) => self.comparing().member(from, Text::Plain(name)),
            Segment::Index(index) => self.element(from, *index),
            // The parser lets these stand where something is to exist, and nowhere else.
            Segment::Each | Segment::Where(_) => Ok(None),
        }
    }

    fn element(&mut self, of: At, index: i64) -> Result<Option<At>, OutOfSteps> {
        if !matches!(self.payload.kind(of), Kind::Array) {
            return Ok(None);
        }
        let Ok(place) = usize::try_from(index) else {
            let from_the_end = usize::try_from(index.unsigned_abs()).ok();
            let length = self.count(of)?;
            let place = from_the_end.and_then(|back| length.checked_sub(back));
            return Ok(place.and_then(|place| self.payload.children(of).nth(place)));
        };
        for (at, element) in self.payload.children(of).enumerate() {
            self.steps.take()?;
            if at == place {
                return Ok(Some(element));
            }
        }
        Ok(None)
    }

    fn compares(&mut self, comparison: &Comparison, current: At) -> Result<bool, OutOfSteps> {
        let left = self.value(&comparison.left, current)?;
        let right = self.value(&comparison.right, current)?;
        let mut comparing = self.comparing();
        match comparison.operator {
            Operator::Equal => comparing.equal(&left, &right),
            Operator::NotEqual => Ok(!comparing.equal(&left, &right)?),
            Operator::Less => comparing.less(&left, &right),
            Operator::Greater => comparing.less(&right, &left),
            Operator::LessOrEqual => {
                Ok(comparing.less(&left, &right)? || comparing.equal(&left, &right)?)
            }
            Operator::GreaterOrEqual => {
                Ok(comparing.less(&right, &left)? || comparing.equal(&left, &right)?)
            }
        }
    }

    fn value<'e>(&mut self, operand: &'e Operand, current: At) -> Result<Value<'e>, OutOfSteps>
    where
        'v: 'e,
    {
        Ok(match operand {
            Operand::Null => Value::Null,
            Operand::Bool(value) => Value::Bool(*value),
            Operand::Number(text) => Value::Number(Cow::Borrowed(text)),
            Operand::String(text) => Value::String(Text::Plain(text)),
            Operand::Query(query) => match self.found(query, current)? {
                Some(at) => Value::at(self.payload, at),
                None => Value::Nothing,
            },
            Operand::Length(query) => match self.found(query, current)? {
                Some(at) => self.length(at)?,
                None => Value::Nothing,
            },
        })
    }

    /// What a singular query finds.
    fn found(&mut self, query: &Query, current: At) -> Result<Option<At>, OutOfSteps> {
        let mut at = origin(query, current);
        for segment in &query.segments {
            match self.single(at, segment)? {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// The code points of a text, the elements of an array or the members of an object; nothing
    /// else has a length.
    fn length<'e>(&mut self, at: At) -> Result<Value<'e>, OutOfSteps> {
        let length = match self.payload.kind(at) {
            Kind::String(text) => {
                self.steps.take_for(text.cost_bytes())?;
                text.points().count()
            }
            Kind::Array | Kind::Object => self.count(at)?,
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => return Ok(Value::Nothing),
        };
        Ok(Value::Number(Cow::Owned(length.to_string())))
    }

    /// How many elements or members there are, those of one name each counted.
    fn count(&mut self, of: At) -> Result<usize, OutOfSteps> {
        let mut count = 0;
        for _ in self.payload.children(of) {
            self.steps.take()?;
            count += 1;
        }
        Ok(count)
    }

    fn comparing(&mut self) -> Comparing<'p, 'v, '_> {
        Comparing {
            payload: self.payload,
            steps: self.steps,
        }
    }
}

fn origin(query: &Query, current: At) -> At {
    match query.origin {
        Origin::Root => Payload::ROOT,
        Origin::Current => current,
    }
}
