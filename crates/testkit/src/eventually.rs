//! Waiting for a condition, under a deadline.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(200);

/// What a look can come back with.
pub trait Sighting {
    /// What is waited for.
    type Found;

    /// What was found, or what was seen instead.
    ///
    /// # Errors
    /// When it is not there yet.
    fn found(self) -> Result<Self::Found, String>;
}

impl<T> Sighting for Option<T> {
    type Found = T;

    fn found(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing".to_owned())
    }
}

impl<T, E: Debug> Sighting for Result<T, E> {
    type Found = T;

    fn found(self) -> Result<T, String> {
        self.map_err(|seen| format!("{seen:?}"))
    }
}

impl Sighting for bool {
    type Found = ();

    fn found(self) -> Result<(), String> {
        self.then_some(()).ok_or_else(|| "false".to_owned())
    }
}

/// Looks again and again until it finds `Some`, `Ok` or `true`: at once, then after 5 ms, then at
/// intervals that grow to 200 ms. A look that hangs is cut off at the limit.
///
/// # Panics
/// When `limit` is over, with `what` was waited for and what the last look saw.
pub async fn eventually<S: Sighting, F: Future<Output = S>>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> S::Found {
    let deadline = Instant::now() + limit;
    let mut pause = SHORTEST;
    let mut seen = "no look ended".to_owned();
    loop {
        match timeout_at(deadline, look()).await.map(Sighting::found) {
            Ok(Ok(found)) => return found,
            Ok(Err(instead)) => seen = instead,
            Err(_elapsed) => {}
        }
        assert!(
            Instant::now() < deadline,
            "not within {limit:?}: {what}; last seen: {seen}"
        );
        sleep(pause.min(deadline - Instant::now())).await;
        pause = (pause * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_looks_until_it_finds() {
        let looks = Cell::new(0);
        let found = eventually(Duration::from_secs(1), "the third look", async || {
            looks.set(looks.get() + 1);
            (looks.get() == 3).then_some("it")
        })
        .await;
        assert_eq!((found, looks.get()), ("it", 3));
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "not within 1s: seven; last seen: 6")]
    async fn it_tells_what_it_saw_last() {
        eventually(Duration::from_secs(1), "seven", async || Err::<(), _>(6)).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "not within 1s: an answer; last seen: no look ended")]
    async fn a_look_that_hangs_is_cut_off() {
        eventually(
            Duration::from_secs(1),
            "an answer",
            std::future::pending::<bool>,
        )
        .await;
    }
}
