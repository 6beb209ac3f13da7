//! Shards: which of a lane's queues a thing goes through.

use std::fmt;
use std::num::NonZeroU8;

use uuid::Uuid;

/// How many queues a lane has: one on a single node, more to spread the leaders of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shards(NonZeroU8);

impl Shards {
    /// One shard.
    pub const ONE: Self = Self(NonZeroU8::MIN);

    /// So many shards, 1 to 99; none for other numbers, since a queue's name has two digits.
    #[must_use]
    pub fn new(count: u8) -> Option<Self> {
        NonZeroU8::new(count)
            .filter(|count| count.get() <= 99)
            .map(Self)
    }

    /// Every shard.
    pub fn all(self) -> impl Iterator<Item = Shard> {
        (0..self.0.get()).map(Shard)
    }

    /// The shard of what this UUID names; stable for a given number of shards.
    #[must_use]
    pub fn of(self, uuid: Uuid) -> Shard {
        // The last bytes are hash or random in every version that we mint.
        let bytes = uuid.as_bytes();
        let low = u16::from_be_bytes([bytes[14], bytes[15]]);
        let shard = low % u16::from(self.0.get());
        Shard(shard.to_le_bytes()[0])
    }
}

/// One of a lane's queues. Its text has two digits, as in the queue's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard(u8);

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_uuid_has_one_of_the_shards(bits: u128, count in 1u8..=99) {
            let shards = Shards::new(count).unwrap();
            let shard = shards.of(Uuid::from_u128(bits));
            prop_assert!(shards.all().any(|one| one == shard));
        }
    }

    #[test]
    fn numbers_without_a_name_are_refused() {
        assert_eq!((Shards::new(0), Shards::new(100)), (None, None));
        let names: Vec<_> = Shards::new(3)
            .unwrap()
            .all()
            .map(|one| one.to_string())
            .collect();
        assert_eq!(names, ["00", "01", "02"]);
    }
}
