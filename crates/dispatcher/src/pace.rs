//! The pace of the bulk lane: its deliveries are begun so far apart that the runtime's workers are
//! mostly there for the others.
//!
//! What counts is the workers' time and not an attempt's: a request that waits for its answer is
//! in nobody's way, and there may be hundreds of them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::attempt::AttemptNumber;
use domain::dispatch::Dispatch;
use service::Courtesy;
use tokio::time::{Instant, sleep_until};

use crate::dispatcher::since_accepted;
use crate::lane::Lane;

/// Timers are this exact: shorter waits are saved up.
const GRAIN: Duration = Duration::from_millis(2);

/// How many deliveries the mean cost of one is taken over.
const MEAN_OVER: u32 = 32;

/// Paces the bulk lanes of all shards together.
#[derive(Debug)]
pub(crate) struct Pace {
    courtesy: Courtesy,
    workers: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the next delivery may be begun.
    due: Instant,
    /// What a delivery takes of a worker's time.
    cost: Duration,
}

impl Pace {
    /// The pace on a runtime with so many workers.
    pub(crate) fn new(courtesy: Courtesy, workers: usize) -> Self {
        let state = State {
            due: Instant::now(),
            cost: Duration::ZERO,
        };
        Self {
            courtesy,
            workers: u32::try_from(workers).unwrap_or(u32::MAX).max(1),
            state: Mutex::new(state),
        }
    }

    /// A delivery has come by this lane. Returns when it may be begun: at once, but on the bulk
    /// lane.
    pub(crate) async fn begin(&self, lane: Lane, dispatch: &Dispatch) {
        let tenant = dispatch.content.tenant;
        match lane {
            Lane::Fresh => self.courtesy.normal(tenant),
            Lane::Bulk => {
                self.courtesy.bulk(tenant);
                self.wait(age(dispatch)).await;
            }
            Lane::Retry | Lane::Quarantine => {}
        }
    }

    async fn wait(&self, age: Duration) {
        let now = Instant::now();
        let due = {
            let mut state = self.state();
            let rest = self.courtesy.rest(state.cost / self.workers, age);
            state.due = next_due(state.due, now, rest);
            state.due
        };
        if due.duration_since(now) >= GRAIN {
            sleep_until(due).await;
        }
    }

    /// Does a bulk delivery's work, and learns what it takes of the workers' time.
    pub(crate) async fn metered<T>(&self, mut work: Pin<Box<impl Future<Output = T>>>) -> T {
        let mut took = Duration::ZERO;
        let done = poll_fn(|context| {
            let began = std::time::Instant::now();
            let polled = work.as_mut().poll(context);
            took += began.elapsed();
            polled
        });
        let done = done.await;
        let mut state = self.state();
        state.cost = (state.cost * (MEAN_OVER - 1) + took) / MEAN_OVER;
        done
    }

    /// Every change is one assignment: a panic leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rest after what is due last; what a timer was late is made up for.
fn next_due(due: Instant, now: Instant, rest: Duration) -> Instant {
    let late = now.checked_sub(GRAIN).unwrap_or(now);
    due.max(late) + rest
}

/// How long a first attempt has waited. A retry has waited because it had to.
fn age(dispatch: &Dispatch) -> Duration {
    if dispatch.due.attempt == AttemptNumber::FIRST {
        since_accepted(dispatch)
    } else {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use domain::fairness::Share;
    use domain::id::TenantId;
    use uuid::Uuid;

    use super::*;

    fn tenant(number: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(number))
    }

    /// A pace at a tenth of the time of two workers, where a delivery costs 200 µs.
    fn pace() -> Pace {
        let pace = Pace::new(Courtesy::new(Share::percent(10)), 2);
        pace.courtesy.bulk(tenant(1));
        pace.state().cost = Duration::from_micros(200);
        pace
    }

    #[tokio::test(start_paused = true)]
    async fn bulk_is_spread_while_others_are_served() {
        let pace = pace();
        let began = Instant::now();
        for _ in 0..1_000 {
            pace.wait(Duration::ZERO).await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO, "nobody is there");
        pace.courtesy.normal(tenant(2));
        for _ in 0..1_000 {
            pace.wait(Duration::ZERO).await;
        }
        // Each 900 µs after the one before, the saved-up ones apart.
        let took = began.elapsed();
        let expected = Duration::from_micros(900) * 1_000;
        assert!(
            took <= expected + GRAIN && took >= expected - 2 * GRAIN,
            "{took:?}"
        );
    }

    #[tokio::test]
    async fn only_the_time_on_a_worker_is_a_cost() {
        let pace = pace();
        for _ in 0..10 * MEAN_OVER {
            pace.metered(Box::pin(tokio::task::yield_now())).await;
        }
        let cost = pace.state().cost;
        pace.metered(Box::pin(tokio::time::sleep(Duration::from_millis(50))))
            .await;
        let after = pace.state().cost;
        assert!(
            after < cost + Duration::from_millis(1),
            "{cost:?} {after:?}"
        );
    }
}
