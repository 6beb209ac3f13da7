//! Acknowledging: one message, or many at once without touching those between.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::{Channel, Connection};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the broker may take to confirm that a channel and its connection are closed.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long an acknowledgement may take to be sent, over a channel that hasn't ended as far as is
/// known. Nothing waits for the broker, so it is sent at once or never.
const SAYING: Duration = Duration::from_secs(5);

/// AMQP's reply code for a close in good order.
/// Source: <https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>, 1.1.
const REPLY_SUCCESS: u16 = 200;

/// The right to acknowledge one message, once.
///
/// Dropped without an acknowledgement, the message stays unacknowledged, and counts against the
/// prefetch, until its channel ends; then it comes back to the queue.
#[derive(Debug)]
#[must_use = "a message that is not acknowledged stays where it is until its channel ends"]
pub struct Acker {
    tag: u64,
    acker: lapin::Acker,
    generation: Arc<Generation>,
}

/// A channel that messages came over, for as long as any of them is held.
///
/// An acknowledgement has no answer of its own. So the channel is closed with a farewell that the
/// broker answers after it has taken every acknowledgement before it: what was acknowledged in a
/// process that ends right after would come again otherwise.
#[derive(Debug)]
pub(crate) struct Generation {
    /// There until it is dropped.
    open: Option<(Connection, Channel)>,
    /// Those under way, for whoever waits until they are done.
    farewells: TaskTracker,
    /// The delivery tags that have been handed out and not acknowledged.
    held: Mutex<BTreeSet<u64>>,
    /// Cancelled when the channel has ended by itself.
    ended: CancellationToken,
}

impl Drop for Generation {
    fn drop(&mut self) {
        let (Some((connection, channel)), Ok(runtime)) = (self.open.take(), Handle::try_current())
        else {
            return;
        };
        let farewell = async move {
            // Where the connection is lost there is nobody to say it to.
            let _ = channel.close(REPLY_SUCCESS, "".into()).await;
            let _ = connection.close(REPLY_SUCCESS, "".into()).await;
        };
        self.farewells
            .spawn_on(async { drop(timeout(FAREWELL, farewell).await) }, &runtime);
    }
}

impl Generation {
    pub(super) fn new(
        connection: Connection,
        channel: Channel,
        farewells: TaskTracker,
    ) -> Arc<Self> {
        Arc::new(Self {
            open: Some((connection, channel)),
            farewells,
            held: Mutex::default(),
            ended: CancellationToken::new(),
        })
    }

    /// The channel has ended: nothing can be said over it any more.
    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    /// Says something over the channel, and returns when it is on its way, or can't be any more.
    ///
    /// The library may never answer for what is said in the moment in which the channel ends.
    async fn say(&self, saying: impl Future<Output = lapin::Result<bool>>) {
        let said = timeout(SAYING, self.ended.run_until_cancelled(saying)).await;
        match said {
            Ok(Some(Ok(true))) => {}
            Ok(Some(Ok(false)) | None) => {
                tracing::debug!("the channel has ended: its messages come again");
            }
            Ok(Some(Err(error))) => tracing::debug!(%error, "the channel fails"),
            Err(_) => tracing::warn!("a channel takes no acknowledgement: its messages come again"),
        }
    }

    pub(super) fn acker(self: &Arc<Self>, tag: u64, acker: lapin::Acker) -> Acker {
        self.with_held(|held| held.insert(tag));
        Acker {
            tag,
            acker,
            generation: Arc::clone(self),
        }
    }

    /// How many messages have been handed out, or are about to be, and not acknowledged.
    pub(super) fn held(&self) -> usize {
        self.with_held(|held| held.len())
    }

    fn with_held<T>(&self, change: impl FnOnce(&mut BTreeSet<u64>) -> T) -> T {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Acker {
    /// Tells the broker that the message is done with.
    ///
    /// When its channel has ended this does nothing: the message comes back, and is a duplicate.
    pub async fn ack(self) {
        acknowledge(&self, Multiple::No).await;
        self.generation.with_held(|held| held.remove(&self.tag));
    }

    /// Gives the message back to its queue at once, for another consumer. As with [`Self::ack`],
    /// one of a channel that has ended is back already.
    pub(super) async fn give_back(self) {
        let options = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        self.generation.say(self.acker.nack(options)).await;
        self.generation.with_held(|held| held.remove(&self.tag));
    }

    /// Whether the channel that the message came over is still there to acknowledge it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.acker.usable()
    }

    pub(super) fn is_beside(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.generation, &other.generation)
    }
}

/// Waits until none of these can be acknowledged any more, since the channels of all have ended: all
/// of their messages come again. Never when a consumer of theirs was told to stop before.
pub async fn all_ended(ackers: &[Acker]) {
    for acker in ackers {
        acker.generation.ended.cancelled().await;
    }
}

/// Acknowledges all of these, with as few frames as possible. As with [`Acker::ack`], what came
/// over a channel that has ended comes back.
///
/// They may come from several consumers, in any order, and other messages between them may still
/// be unacknowledged: none of those is touched.
pub async fn ack_all(ackers: impl IntoIterator<Item = Acker>) {
    let mut ackers: Vec<Acker> = ackers.into_iter().collect();
    ackers.sort_by_key(|acker| (Arc::as_ptr(&acker.generation).addr(), acker.tag));
    for batch in ackers.chunk_by(Acker::is_beside) {
        ack_batch(batch).await;
    }
}

/// Acknowledges these of one channel, in the order of their tags.
async fn ack_batch(batch: &[Acker]) {
    let Some(generation) = batch.first().map(|acker| &acker.generation) else {
        return;
    };
    let tags: Vec<u64> = batch.iter().map(|acker| acker.tag).collect();
    let together = generation.with_held(|held| leading(held, &tags));
    let (first, rest) = batch.split_at(together);
    if let Some(last) = first.last() {
        acknowledge(last, Multiple::Yes).await;
    }
    join_all(rest.iter().map(|acker| acknowledge(acker, Multiple::No))).await;
    // Only now, so that nobody else's `multiple` covers a tag whose own acknowledgement is still
    // on its way: the broker ends a channel that acknowledges a tag twice.
    generation.with_held(|held| {
        for tag in &tags {
            held.remove(tag);
        }
    });
}

/// How many of these tags, from the first, come before every other one that is held. The tags are
/// held, and in ascending order.
fn leading(held: &BTreeSet<u64>, tags: &[u64]) -> usize {
    held.iter()
        .zip(tags)
        .take_while(|(held, tag)| held == tag)
        .count()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Multiple {
    Yes,
    No,
}

async fn acknowledge(acker: &Acker, multiple: Multiple) {
    let options = BasicAckOptions {
        multiple: multiple == Multiple::Yes,
    };
    acker.generation.say(acker.acker.ack(options)).await;
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is acknowledged together with the last of the leading tags is in the batch.
        #[test]
        fn no_other_message_is_acknowledged(
            held in btree_set(1u64..40, 1..30),
            picks in proptest::collection::vec(any::<bool>(), 30),
        ) {
            let tags: Vec<u64> = held
                .iter()
                .zip(&picks)
                .filter_map(|(tag, pick)| pick.then_some(*tag))
                .collect();
            let together = leading(&held, &tags);
            if let Some(last) = tags[..together].last() {
                let covered: Vec<u64> = held.range(..=last).copied().collect();
                prop_assert_eq!(covered, &tags[..together]);
            }
            // And it is as many as can be.
            if let Some(next) = tags.get(together) {
                prop_assert!(held.range(..next).count() > together);
            }
        }
    }
}
