//! Batches: items that share one trip through the broker.

use std::collections::HashMap;

use bytes::Bytes;
use domain::limits;
use domain::shard::Shard;
use prost::Message;

use crate::field::DecodeError;
use crate::proto;

/// Joins encoded items into the body of one message.
#[must_use]
pub fn join(items: Vec<Bytes>) -> Bytes {
    proto::Batch { items }.encode_to_vec().into()
}

/// Takes the items out of a message's body, without copying or decoding them.
///
/// # Errors
/// When the body is no batch. Then nothing in it can be told apart, and it is parked whole.
pub fn split(body: Bytes) -> Result<Vec<Bytes>, DecodeError> {
    Ok(proto::Batch::decode(body)?.items)
}

/// Gathers items until a message is full.
#[derive(Debug)]
pub struct Gather {
    items: Vec<Bytes>,
    bytes: usize,
    weight: usize,
    most: usize,
}

impl Gather {
    /// An empty batch of at most `most` units of weight and about [`limits::MESSAGE_BYTES`].
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            items: Vec::new(),
            bytes: 0,
            weight: 0,
            most,
        }
    }

    /// Whether an item of this size and weight still goes in; into an empty batch any does.
    #[must_use]
    pub fn has_room(&self, bytes: usize, weight: usize) -> bool {
        self.items.is_empty()
            || (self.weight + weight <= self.most && self.bytes + bytes <= limits::MESSAGE_BYTES)
    }

    /// Adds an item of this weight: how many deliveries, events or reports it stands for.
    pub fn push(&mut self, item: Bytes, weight: usize) {
        self.bytes += item.len();
        self.weight += weight;
        self.items.push(item);
    }

    /// The weight of what is in it.
    #[must_use]
    pub const fn weight(&self) -> usize {
        self.weight
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The body of the message, leaving the batch empty.
    #[must_use]
    pub fn take(&mut self) -> Bytes {
        self.bytes = 0;
        self.weight = 0;
        join(std::mem::take(&mut self.items))
    }
}

/// Gathers items for each shard, each in as few messages as the bounds of [`Gather`] allow.
#[derive(Debug)]
pub struct Sharded {
    open: HashMap<Shard, Gather>,
    full: Vec<Gathered>,
    most: usize,
}

/// The body of a message for one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// The shard.
    pub shard: Shard,
    /// The items.
    pub body: Bytes,
    /// The weight of what is in it.
    pub weight: usize,
}

impl Sharded {
    /// Nothing yet; messages of at most `most` units of weight.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            open: HashMap::new(),
            full: Vec::new(),
            most,
        }
    }

    /// Adds an item of this weight for a shard.
    pub fn push(&mut self, shard: Shard, item: Bytes, weight: usize) {
        let gather = self
            .open
            .entry(shard)
            .or_insert_with(|| Gather::new(self.most));
        if !gather.has_room(item.len(), weight) {
            self.full.push(close(shard, gather));
        }
        gather.push(item, weight);
    }

    /// All messages, full or not.
    #[must_use]
    pub fn finish(mut self) -> Vec<Gathered> {
        let rest = self
            .open
            .iter_mut()
            .map(|(shard, gather)| close(*shard, gather));
        self.full.extend(rest);
        self.full
    }
}

fn close(shard: Shard, gather: &mut Gather) -> Gathered {
    Gathered {
        shard,
        weight: gather.weight(),
        body: gather.take(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn joined_and_split(items: Vec<Vec<u8>>) {
            let items: Vec<Bytes> = items.into_iter().map(Bytes::from).collect();
            prop_assert_eq!(split(join(items.clone())), Ok(items));
        }

        #[test]
        fn splitting_never_panics(body: Vec<u8>) {
            let _ = split(body.into());
        }

        #[test]
        fn a_gathered_message_keeps_its_bounds(sizes in proptest::collection::vec(0usize..400_000, 1..40)) {
            let mut gather = Gather::new(8);
            for size in sizes {
                if !gather.has_room(size, 1) {
                    prop_assert!(gather.weight() <= 8);
                    let items = split(gather.take()).unwrap();
                    let bytes: usize = items.iter().map(Bytes::len).sum();
                    prop_assert!(bytes <= limits::MESSAGE_BYTES);
                    prop_assert!(gather.is_empty());
                }
                gather.push(vec![0; size].into(), 1);
            }
        }
    }
}
