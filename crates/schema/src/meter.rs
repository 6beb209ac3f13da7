//! Steps: how a check that would take too long ends.
//!
//! A schema of a few lines can ask for more work than anybody waits for: references that double
//! at each level, or a pattern over a long text many times. Every look that the validator takes at
//! the payload passes through here and costs steps; when none are left the check unwinds to where
//! it began.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// How many steps a check may take. A look at a value is one; an ordinary check takes a few for
/// each member, and all of them together are about a tenth of a second.
const STEPS: usize = 4_000_000;

/// How much of the stack a check may use before its last look at the payload.
///
/// Between two looks it can go only as deep as the schema has keywords, which is less than what
/// [`super::deep`] leaves.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// The check would take more steps, or go deeper, than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

/// What costs more than a step, as the schema has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prices {
    /// A byte of a text: whoever takes it may match it with a regular expression.
    pub(crate) text_byte: usize,
    /// A violation that the validator makes: it copies of the schema.
    pub(crate) violation: usize,
}

/// What is left of a check's steps.
#[derive(Debug)]
pub(crate) struct Meter {
    left: Cell<usize>,
    stack_began: usize,
    prices: Prices,
}

impl Meter {
    /// Runs a check with all its steps.
    pub(crate) fn run<T>(prices: Prices, check: impl FnOnce(&Self) -> T) -> Result<T, Exhausted> {
        let meter = Self {
            left: Cell::new(STEPS),
            stack_began: stack(),
            prices,
        };
        catch_unwind(AssertUnwindSafe(|| check(&meter))).map_err(exhausted)
    }

    /// Takes so many steps; unwinds to [`Meter::run`] when there are none left.
    pub(crate) fn take(&self, steps: usize) {
        let left = self.left.get().checked_sub(steps);
        let is_deep = self.stack_began.abs_diff(stack()) > STACK_BYTES;
        match left {
            Some(left) if !is_deep => self.left.set(left),
            _ => resume_unwind(Box::new(Exhausted)),
        }
    }

    /// Takes the steps of reading a text through.
    pub(crate) fn take_text(&self, text: &str) {
        self.take(1 + text.len() * self.prices.text_byte);
    }

    /// Takes the steps of a violation.
    pub(crate) fn take_violation(&self) {
        self.take(self.prices.violation);
    }
}

/// What unwound, if it was us; a panic of the validator goes on.
fn exhausted(thrown: Box<dyn Any + Send>) -> Exhausted {
    match thrown.downcast() {
        Ok(exhausted) => *exhausted,
        Err(panic) => resume_unwind(panic),
    }
}

/// About where the stack is.
fn stack() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICES: Prices = Prices {
        text_byte: 10,
        violation: STEPS,
    };

    #[test]
    fn steps_run_out() {
        let most = Meter::run(PRICES, |meter| {
            meter.take(STEPS);
            7
        });
        assert_eq!(most, Ok(7));
        let more: [fn(&Meter); 3] = [
            |meter| meter.take(STEPS),
            |meter| meter.take_text(&"x".repeat(STEPS / 10)),
            Meter::take_violation,
        ];
        for more in more {
            let more = Meter::run(PRICES, |meter| {
                meter.take(1);
                more(meter);
            });
            assert_eq!(more, Err(Exhausted));
        }
    }

    #[test]
    fn a_panic_is_not_taken_for_the_end_of_steps() {
        let run = || Meter::run(PRICES, |_| panic!("of the validator"));
        assert!(catch_unwind(run).is_err());
    }
}
