//! What trying to get in costs.
//!
//! A key is 256 random bits, so nobody finds one by trying; what is bounded is the work that trying
//! makes us. A right key is never held up, however many wrong ones come at the same time: a limit
//! for all would let a stranger lock the operators out. The same holds for whoever comes back from
//! the identity provider.

use std::time::Duration;

use tokio::sync::Semaphore;

/// How long who is refused waits for the answer.
const WAIT: Duration = Duration::from_secs(1);

/// How many wait at once; further ones are told to come later.
const AT_ONCE: usize = 32;

/// How soon they may, in seconds.
pub(super) const RETRY_AFTER_S: u32 = 10;

/// Makes those wait who are refused.
pub(super) struct Throttle(Semaphore);

/// Whether somebody who was refused may try again now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Now,
    Later,
}

impl Default for Throttle {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Throttle {
    /// Returns after a second; at once when too many wait already.
    pub(super) async fn wait(&self) -> Turn {
        let Ok(_place) = self.0.try_acquire() else {
            return Turn::Later;
        };
        tokio::time::sleep(WAIT).await;
        Turn::Now
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_who_are_refused_come_later() {
        let throttle = Throttle::default();
        let turns = join_all((0..AT_ONCE + 3).map(|_| throttle.wait())).await;
        let later = turns.iter().filter(|turn| **turn == Turn::Later);
        assert_eq!(later.count(), 3);
        assert_eq!(throttle.wait().await, Turn::Now);
    }
}
