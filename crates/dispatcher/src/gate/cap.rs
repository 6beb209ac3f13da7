//! How many requests an endpoint is sent at once: more while it keeps up, half when it doesn't.
//!
//! As TCP does it: one more for each success until the first sign of overload, from then on one
//! more for each round of successes, and half at an overload, at most once a round.

/// What an endpoint of which nothing is known gets: one that hangs has so many requests under way
/// before the first of them times out.
const START: u32 = 8;

/// The cap of one endpoint; pure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cap {
    limit: u32,
    most: u32,
    /// Below it, every success counts in full.
    cautious_from: u32,
    /// Successes since the cap last grew.
    successes: u32,
    round: Round,
}

/// Which halving a request was sent after. Those of a round that is over say nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round(u32);

impl Cap {
    /// A cap that never exceeds `most`, nor goes below 1.
    pub(crate) fn new(most: u32) -> Self {
        let most = most.max(1);
        Self {
            limit: START.min(most),
            most,
            cautious_from: most,
            successes: 0,
            round: Round(0),
        }
    }

    /// How many at once.
    pub(crate) const fn limit(&self) -> u32 {
        self.limit
    }

    /// The round that a request sent now belongs to.
    pub(crate) const fn round(&self) -> Round {
        self.round
    }

    /// A request succeeded while so many were in flight, itself included. A cap that isn't used
    /// doesn't grow: nothing shows that the endpoint would bear it.
    pub(crate) fn succeeded(&mut self, in_flight: u32) {
        if self.limit >= self.most || in_flight * 2 < self.limit {
            return;
        }
        self.successes += 1;
        if self.limit < self.cautious_from || self.successes >= self.limit {
            self.limit += 1;
            self.successes = 0;
        }
    }

    /// A request of this round showed that the endpoint is overloaded.
    pub(crate) fn overloaded(&mut self, round: Round) {
        if round != self.round {
            return;
        }
        self.limit = (self.limit / 2).max(1);
        self.cautious_from = self.limit;
        self.successes = 0;
        self.round = Round(self.round.0.wrapping_add(1));
    }

    /// Whether it is that of an endpoint of which nothing is known.
    pub(crate) fn is_untouched(&self) -> bool {
        *self == Self::new(self.most)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_grows_while_it_is_used_and_halves_once_a_round() {
        let mut cap = Cap::new(64);
        for _ in 0..1_000 {
            cap.succeeded(1);
        }
        assert!(cap.is_untouched());
        for _ in 0..56 {
            cap.succeeded(cap.limit());
        }
        assert_eq!(cap.limit(), 64);
        let round = cap.round();
        for _ in 0..64 {
            cap.overloaded(round);
        }
        assert_eq!(cap.limit(), 32);
        for _ in 0..32 {
            cap.succeeded(32);
        }
        assert_eq!(cap.limit(), 33);
    }

    proptest! {
        #[test]
        fn it_keeps_its_bounds(most in 0u32..200, steps: Vec<(bool, u32)>) {
            let mut cap = Cap::new(most);
            for (success, in_flight) in steps {
                let before = cap.limit();
                if success {
                    cap.succeeded(in_flight % 300);
                    prop_assert!(cap.limit() >= before && cap.limit() <= before + 1);
                } else {
                    cap.overloaded(cap.round());
                    prop_assert!(cap.limit() >= before / 2);
                }
                prop_assert!((1..=most.max(1)).contains(&cap.limit()));
            }
        }
    }
}
