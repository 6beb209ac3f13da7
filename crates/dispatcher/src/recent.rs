//! The newest of many things, for as long as there is room for them.

use std::collections::HashSet;
use std::hash::Hash;
use std::mem;
use std::time::Duration;

use tokio::time::Instant;

/// Remembers what came last, in two generations: when the younger is full or has lasted for its
/// time, the elder is forgotten and the younger takes its place.
///
/// So a thing is remembered for `lasting`, unless `most` others come after it; it is forgotten
/// after twice that at the latest when others come. Nothing new is ever turned away for the sake of
/// what is old, as a cache that weighs use would do.
pub(crate) struct Recent<K> {
    most: usize,
    lasting: Duration,
    younger: HashSet<K>,
    elder: HashSet<K>,
    /// When the younger generation began.
    began: Instant,
}

impl<K: Hash + Eq> Recent<K> {
    pub(crate) fn new(most: usize, lasting: Duration) -> Self {
        Self {
            most,
            lasting,
            younger: HashSet::new(),
            elder: HashSet::new(),
            began: Instant::now(),
        }
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.younger.contains(key) || self.elder.contains(key)
    }

    pub(crate) fn insert(&mut self, key: K) {
        if self.younger.len() >= self.most || self.began.elapsed() >= self.lasting {
            // The elder's room is used again.
            mem::swap(&mut self.younger, &mut self.elder);
            self.younger.clear();
            self.began = Instant::now();
        }
        self.younger.insert(key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LASTING: Duration = Duration::from_secs(600);

    proptest! {
        #[test]
        fn the_newest_are_remembered_and_not_many_more(
            most in 1_usize..50,
            keys in proptest::collection::vec(0_u8..100, 0..300),
        ) {
            let mut recent = Recent::new(most, LASTING);
            for (at, key) in keys.iter().enumerate() {
                recent.insert(*key);
                for newest in &keys[(at + 1).saturating_sub(most)..=at] {
                    prop_assert!(recent.contains(newest));
                }
                prop_assert!(recent.younger.len() + recent.elder.len() <= 2 * most);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_is_forgotten() {
        let mut recent = Recent::new(50, LASTING);
        recent.insert(1);
        tokio::time::advance(LASTING).await;
        recent.insert(2);
        assert!(recent.contains(&1), "it has lasted no longer than its time");
        tokio::time::advance(LASTING).await;
        recent.insert(3);
        assert!(!recent.contains(&1));
        assert!(recent.contains(&2) && recent.contains(&3));
    }
}
