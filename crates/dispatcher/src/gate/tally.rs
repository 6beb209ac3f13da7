//! How many of an endpoint's last attempts have failed, over a span that moves with the time.

use std::time::Duration;

use tokio::time::Instant;

use super::breaker::Verdict;

/// Into how many parts the span is cut: it moves by one of them at a time.
const BUCKETS: usize = 6;

/// Attempts and failures of the last span; pure, and of a fixed size.
#[derive(Debug, Clone)]
pub(super) struct Window {
    bucket: Duration,
    /// When the first bucket began; none before anything was counted.
    begun: Option<Instant>,
    /// The number of the newest bucket since then.
    newest: u128,
    buckets: [Tally; BUCKETS],
}

/// A count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) tries: u32,
    pub(super) failures: u32,
}

impl Window {
    pub(super) fn new(span: Duration) -> Self {
        Self {
            bucket: span / 6,
            begun: None,
            newest: 0,
            buckets: [Tally::default(); BUCKETS],
        }
    }

    pub(super) fn count(&mut self, verdict: Verdict, now: Instant) {
        let begun = *self.begun.get_or_insert(now);
        let number = self.number(begun, now);
        let passed = number.saturating_sub(self.newest);
        for gone in 1..=passed.min(BUCKETS as u128) {
            self.buckets[place(self.newest + gone)] = Tally::default();
        }
        self.newest = self.newest.max(number);
        let tally = &mut self.buckets[place(self.newest)];
        tally.tries = tally.tries.saturating_add(1);
        if verdict == Verdict::Failed {
            tally.failures = tally.failures.saturating_add(1);
        }
    }

    /// What was counted in the span that ends now.
    pub(super) fn tally(&self, now: Instant) -> Tally {
        let Some(begun) = self.begun else {
            return Tally::default();
        };
        let passed = self.number(begun, now).saturating_sub(self.newest);
        let live = BUCKETS - usize::try_from(passed).unwrap_or(BUCKETS).min(BUCKETS);
        // From the newest back, as many as are not too old yet.
        let live =
            (0..live).map(|back| self.buckets[place(self.newest + (BUCKETS - back) as u128)]);
        live.fold(Tally::default(), |sum, one| Tally {
            tries: sum.tries.saturating_add(one.tries),
            failures: sum.failures.saturating_add(one.failures),
        })
    }

    pub(super) fn clear(&mut self) {
        self.buckets = [Tally::default(); BUCKETS];
    }

    fn number(&self, begun: Instant, now: Instant) -> u128 {
        now.saturating_duration_since(begun).as_nanos() / self.bucket.as_nanos().max(1)
    }
}

fn place(number: u128) -> usize {
    usize::try_from(number % BUCKETS as u128).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPAN: Duration = Duration::from_secs(60);

    proptest! {
        /// What is younger than five sixths of the span counts, and what is older than it doesn't.
        #[test]
        fn it_holds_the_last_span(
            steps in proptest::collection::vec((any::<bool>(), 0u64..30_000), 1..60),
            after_ms in 0u64..90_000,
        ) {
            let mut now = Instant::now();
            let mut window = Window::new(SPAN);
            let mut all = Vec::new();
            for (failed, pause_ms) in steps {
                now += Duration::from_millis(pause_ms);
                let verdict = if failed { Verdict::Failed } else { Verdict::Answered };
                window.count(verdict, now);
                all.push((now, failed));
            }
            now += Duration::from_millis(after_ms);
            let within = |span: Duration| {
                let young = all.iter().filter(|(at, _)| now - *at < span);
                let failures = young.clone().filter(|(_, failed)| *failed).count();
                (young.count(), failures)
            };
            let tally = window.tally(now);
            let (tries, failures) = (tally.tries as usize, tally.failures as usize);
            let (least, most) = (within(SPAN * 5 / 6), within(SPAN));
            prop_assert!((least.0..=most.0).contains(&tries), "{tries} of {least:?} to {most:?}");
            prop_assert!((least.1..=most.1).contains(&failures));
        }
    }

    #[test]
    fn nothing_is_left_when_it_is_cleared() {
        let now = Instant::now();
        let mut window = Window::new(SPAN);
        window.count(Verdict::Failed, now);
        window.clear();
        assert_eq!(window.tally(now), Tally::default());
    }
}
