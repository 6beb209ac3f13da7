//! How long to wait before trying again.

use std::time::Duration;

use rand::RngExt;

/// Exponential, from 100 ms to 2 s, each wait drawn from its upper half, so that a restarted
/// broker doesn't meet everybody at once.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next wait, each about twice the one before.
    pub(crate) fn wait(&mut self) -> Duration {
        let wait = self.next.mul_f64(rand::rng().random_range(0.5..=1.0));
        self.next = (self.next * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound() {
        let mut backoff = Backoff::new();
        let mut longest = FIRST;
        for _ in 0..20 {
            let wait = backoff.wait();
            assert!(
                wait >= longest / 2 && wait <= longest,
                "{wait:?} of {longest:?}"
            );
            longest = (longest * 2).min(LONGEST);
        }
        assert_eq!(longest, LONGEST);
    }
}
