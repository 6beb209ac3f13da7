//! Threads with deep stacks, for work whose depth a stranger decides.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, scope};

use tokio::sync::{mpsc, oneshot};

/// The stack of such a thread, in bytes; what isn't used takes no memory.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// How many checks may wait for a thread.
const WAITING: usize = 64;

/// Says that its holder runs on a deep stack.
#[derive(Debug)]
pub struct Deep(());

/// Runs this on a deep stack, and waits for it. For what is done seldom; a panic goes on here.
///
/// # Errors
/// When the system has no thread to give.
pub fn deeply<T: Send>(work: impl FnOnce(&Deep) -> T + Send) -> io::Result<T> {
    scope(|scope| {
        let thread = builder().spawn_scoped(scope, || work(&Deep(())))?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn builder() -> Builder {
    Builder::new()
        .name("schema".to_owned())
        .stack_size(STACK_BYTES)
}

type Job = Box<dyn FnOnce(&Deep) + Send>;

/// A few threads with deep stacks. Cheap to clone; the threads end with the last clone.
#[derive(Debug, Clone)]
pub struct Checkers {
    jobs: mpsc::Sender<Job>,
}

impl Checkers {
    /// Starts so many threads.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads.get() {
            let waiting = Arc::clone(&waiting);
            builder().spawn(move || work_off(&waiting))?;
        }
        Ok(Self { jobs })
    }

    /// Runs this on one of the threads, when one is free; none when it panicked. Dropped before,
    /// the work is done all the same.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Deep) -> T + Send + 'static,
    ) -> Option<T> {
        let (told, outcome) = oneshot::channel();
        let job: Job = Box::new(move |deep| {
            // Who hung up doesn't want to know.
            let _ = told.send(work(deep));
        });
        self.jobs.send(job).await.ok()?;
        outcome.await.ok()
    }
}

fn work_off(waiting: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // The others wait for the lock and not for a job: that comes to the same.
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        let Some(job) = next else {
            return;
        };
        // The panic hook has reported it, and whoever waits hears that there is no answer.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&Deep(()))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_costs_nothing_but_its_own_answer() {
        let checkers = Checkers::start(NonZeroUsize::MIN).unwrap();
        assert_eq!(checkers.run(|_| -> u8 { panic!("as asked") }).await, None);
        assert_eq!(checkers.run(|_| 7).await, Some(7));
    }

    #[test]
    fn a_deep_stack_is_deep() {
        fn down(levels: u32) -> u32 {
            std::hint::black_box(if levels == 0 { 0 } else { 1 + down(levels - 1) })
        }
        assert_eq!(deeply(|_| down(100_000)).unwrap(), 100_000);
    }
}
