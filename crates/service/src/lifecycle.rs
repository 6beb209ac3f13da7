//! From running over draining to ended.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tells a role when to stop, and waits for what it has under way.
///
/// Two signals: `stop` means take no new work and finish what is in flight; `abort` means the
/// grace is over. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    abort: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// A life that has just begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when no new work is to be taken.
    #[must_use]
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Cancelled when what is still in flight is to be dropped.
    #[must_use]
    pub fn abort(&self) -> &CancellationToken {
        &self.abort
    }

    /// Runs a task that [`Self::drain`] waits for. It must end soon after `stop`.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Asks everybody to stop, waits until all tasks have ended or the grace is over, then aborts
    /// what is left.
    pub async fn drain(&self, grace: Duration) -> Drained {
        self.stop.cancel();
        self.tasks.close();
        let drained = tokio::time::timeout(grace, self.tasks.wait()).await;
        self.abort.cancel();
        match drained {
            Ok(()) => Drained::Clean,
            Err(_) => Drained::GraceOver {
                left: self.tasks.len(),
            },
        }
    }
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Everything in flight was finished.
    Clean,
    /// The grace was over first; what was in flight comes back from the broker.
    GraceOver {
        /// How many tasks were still running.
        left: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_waits_for_what_is_in_flight() {
        let life = Lifecycle::new();
        let stop = life.stop().clone();
        life.spawn(async move { stop.cancelled().await });
        assert_eq!(life.drain(Duration::from_secs(10)).await, Drained::Clean);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_ends_with_the_grace() {
        let life = Lifecycle::new();
        let abort = life.abort().clone();
        life.spawn(std::future::pending());
        let drained = life.drain(Duration::from_secs(10)).await;
        assert_eq!(drained, Drained::GraceOver { left: 1 });
        assert!(abort.is_cancelled());
    }
}
