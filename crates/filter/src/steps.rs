//! How much work may still be done.

/// The bytes of a text that are compared in one step.
const BYTES_A_STEP: usize = 16;

/// A number of steps that can only be used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps(u32);

/// The filter has used up its steps on this payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the filter takes more than {} steps on this payload", crate::STEPS)]
pub struct OutOfSteps;

impl Steps {
    /// This many.
    #[must_use]
    pub const fn new(steps: u32) -> Self {
        Self(steps)
    }

    /// How many are left.
    #[must_use]
    pub const fn left(self) -> u32 {
        self.0
    }

    /// Takes one.
    pub(crate) fn take(&mut self) -> Result<(), OutOfSteps> {
        self.0 = self.0.checked_sub(1).ok_or(OutOfSteps)?;
        Ok(())
    }

    /// Takes those of a text of so many bytes.
    pub(crate) fn take_for(&mut self, bytes: usize) -> Result<(), OutOfSteps> {
        let steps = u32::try_from(bytes / BYTES_A_STEP + 1).map_err(|_| OutOfSteps)?;
        let left = self.0.checked_sub(steps);
        self.0 = left.unwrap_or(0);
        left.map(|_| ()).ok_or(OutOfSteps)
    }
}
