//! Those who wait for a place: whoever came first is called first.

use std::sync::Arc;

use tokio::sync::Notify;

/// A line of those who wait.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: u32,
    turns: Option<Arc<Notify>>,
    pace: Pace,
}

/// Whether waiting is worth while.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Pace {
    /// Places are given up soon enough.
    #[default]
    Moving,
    /// Somebody waited in vain, and no place was given up quickly since.
    Stalled,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Soon enough for another to wait for it.
    Quickly,
    /// Not so.
    Slowly,
}

impl Line {
    /// Joins the line. Gives what tells when to ask again; none where waiting is no use.
    pub(super) fn join(&mut self) -> Option<Arc<Notify>> {
        if self.pace == Pace::Stalled {
            return None;
        }
        self.waiting += 1;
        Some(Arc::clone(self.turns.get_or_insert_default()))
    }

    pub(super) fn leave(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Calls the next, who asks whether there is room.
    pub(super) fn call(&self) {
        if let Some(turns) = &self.turns
            && self.waiting > 0
        {
            turns.notify_one();
        }
    }

    /// Somebody waited in vain.
    pub(super) fn stall(&mut self) {
        self.pace = Pace::Stalled;
    }

    /// A place was given up, and so many are still taken.
    pub(super) fn moves(&mut self, ended: Ended, taken: u32) {
        if ended == Ended::Quickly || taken == 0 {
            self.pace = Pace::Moving;
        }
    }

    /// Whether nobody waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.waiting == 0
    }
}
