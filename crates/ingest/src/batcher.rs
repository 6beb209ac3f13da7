//! Group commit: events that arrive while a message is on its way to the broker share the next.
//!
//! Nothing lingers to fill a message: an idle ingest publishes each event by itself, a busy one
//! fills its messages, and every event is told as soon as its message is confirmed.
//!
//! **Invariant:** an event is told within [`LONGEST_WAIT`] and the publisher's deadline, and what
//! waits is bounded by its bytes: publishers hear that the broker is away, and memory stays flat.

use std::sync::Arc;
use std::time::Duration;

use broker::topology::Route;
use broker::{Outgoing, PublishError, Publisher};
use bytes::Bytes;
use domain::event::Event;
use domain::limits;
use domain::shard::{Shard, Shards};
use service::Lifecycle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use wire::MessageType;
use wire::batch::Gather;

use crate::metrics::{Metrics, Way};
use crate::room::{Place, Room, most_places};

/// How much may wait for the broker, by each way in, in bytes; a further event is turned away.
///
/// Each way has room of its own, so that a backlog in the inbox doesn't turn requests away.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

/// How long an event may wait for a message to go with.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How many messages of a shard may be on their way at once.
///
/// With one, every event would wait for the confirm before its own; with many, messages would not
/// fill under load.
const UNDER_WAY: usize = 4;

/// Why an event was not accepted. It may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAccepted {
    /// Too many wait already.
    #[error("too much is waiting already")]
    Overloaded,
    /// The broker can't be reached, or takes nothing now. The event was not stored.
    #[error("the broker takes no events now")]
    Unavailable,
    /// The broker did not answer in time: the event may have been stored, and then is delivered.
    #[error("the broker did not confirm in time")]
    Unknown,
}

impl NotAccepted {
    /// The name in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
        }
    }
}

impl From<&PublishError> for NotAccepted {
    fn from(error: &PublishError) -> Self {
        match error {
            PublishError::Unroutable | PublishError::Refused | PublishError::Unavailable => {
                Self::Unavailable
            }
            PublishError::Unknown => Self::Unknown,
        }
    }
}

/// An event that waits for a message to go with.
struct Waiting {
    item: Bytes,
    until: Instant,
    teller: Teller,
}

/// Tells an event's publisher what became of it, and frees its place.
struct Teller {
    told: oneshot::Sender<Result<(), NotAccepted>>,
    _place: Place,
}

impl Teller {
    fn tell(self, outcome: Result<(), NotAccepted>) {
        // Who hung up doesn't want to know.
        let _ = self.told.send(outcome);
    }
}

/// Publishes accepted events. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Batcher {
    shards: Shards,
    queues: Arc<[(Shard, mpsc::Sender<Waiting>)]>,
    requests: Room,
    inbox: Room,
}

impl Batcher {
    /// Starts a task for each shard; they end when the last clone is dropped.
    pub(crate) fn start(
        publisher: &Publisher,
        shards: Shards,
        life: &Lifecycle,
        metrics: &Metrics,
    ) -> Self {
        let queues = shards.all().map(|shard| {
            let (sender, waiting) = mpsc::channel(2 * most_places(WAITING_BYTES));
            let shipping = Shipping {
                shard,
                publisher: publisher.clone(),
                under_way: Arc::new(Semaphore::new(UNDER_WAY)),
                metrics: metrics.clone(),
            };
            life.spawn(shipping.run(waiting));
            (shard, sender)
        });
        Self {
            shards,
            queues: queues.collect(),
            requests: Room::new(WAITING_BYTES),
            inbox: Room::new(WAITING_BYTES),
        }
    }

    /// Publishes an event, and returns when the broker has it on disk.
    ///
    /// Dropped before, the event is published all the same: its publisher hears nothing, and may
    /// publish it again.
    pub(crate) async fn publish(&self, event: &Event, way: Way) -> Result<(), NotAccepted> {
        let shard = self.shards.of(event.id.uuid());
        let queue = self.queues.iter().find(|(one, _)| *one == shard);
        let (_, queue) = queue.expect("every shard has a queue");
        let item = wire::accepted::encode(event);
        let room = match way {
            Way::Http => &self.requests,
            Way::Inbox => &self.inbox,
        };
        let place = room.take(item.len()).ok_or(NotAccepted::Overloaded)?;
        let (told, outcome) = oneshot::channel();
        let waiting = Waiting {
            item,
            until: Instant::now() + LONGEST_WAIT,
            teller: Teller {
                told,
                _place: place,
            },
        };
        queue.try_send(waiting).map_err(|error| match error {
            TrySendError::Full(_) => NotAccepted::Overloaded,
            TrySendError::Closed(_) => NotAccepted::Unavailable,
        })?;
        // Nobody tells when the process ends first.
        outcome.await.unwrap_or(Err(NotAccepted::Unknown))
    }
}

/// The way of one shard's events to the broker.
struct Shipping {
    shard: Shard,
    publisher: Publisher,
    under_way: Arc<Semaphore>,
    metrics: Metrics,
}

impl Shipping {
    async fn run(self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut next = None;
        loop {
            let first = match next.take() {
                Some(first) => first,
                None => match waiting.recv().await {
                    Some(first) => first,
                    None => break,
                },
            };
            // While all places are taken, more events gather behind this one.
            let place = Arc::clone(&self.under_way).acquire_owned().await;
            let place = place.expect("nobody closes the semaphore");
            let Some((body, tellers)) = gather(first, &mut waiting, &mut next) else {
                continue;
            };
            let ship = self.ship(body, tellers);
            tokio::spawn(async move {
                ship.await;
                drop(place);
            });
        }
        // What is under way holds its places until it is told.
        let places = u32::try_from(UNDER_WAY).unwrap_or(u32::MAX);
        let _all = self.under_way.acquire_many(places).await;
    }

    fn ship(&self, body: Bytes, tellers: Vec<Teller>) -> impl Future<Output = ()> + use<> {
        let (publisher, metrics) = (self.publisher.clone(), self.metrics.clone());
        let route = Route::events(self.shard);
        async move {
            let kind = MessageType::Accepted.as_str();
            let began = Instant::now();
            let published = publisher
                .publish(Outgoing::new(route, body, kind, wire::CONTENT_TYPE))
                .await;
            metrics.confirmed(began.elapsed(), tellers.len());
            log(&published, tellers.len());
            let outcome = published.as_ref().map(|&()| ()).map_err(NotAccepted::from);
            for teller in tellers {
                teller.tell(outcome);
            }
        }
    }
}

fn log(published: &Result<(), PublishError>, events: usize) {
    match published {
        Ok(()) => {}
        Err(error @ PublishError::Unroutable) => {
            tracing::error!(%error, events, "events were not accepted: fan-out's queue is missing");
        }
        Err(
            error @ (PublishError::Refused | PublishError::Unknown | PublishError::Unavailable),
        ) => {
            tracing::warn!(%error, events, "events were not accepted");
        }
    }
}

/// Takes what is waiting, as much as goes into one message; what does not fit goes first into the
/// next. What has waited too long is turned away; none when nothing else is there.
fn gather(
    first: Waiting,
    waiting: &mut mpsc::Receiver<Waiting>,
    next: &mut Option<Waiting>,
) -> Option<(Bytes, Vec<Teller>)> {
    let now = Instant::now();
    let mut gather = Gather::new(limits::ITEMS_PER_MESSAGE);
    let mut tellers = Vec::new();
    let mut one = Some(first);
    while let Some(Waiting {
        item,
        until,
        teller,
    }) = one
    {
        if until < now {
            teller.tell(Err(NotAccepted::Unavailable));
        } else if gather.has_room(item.len(), 1) {
            gather.push(item, 1);
            tellers.push(teller);
        } else {
            *next = Some(Waiting {
                item,
                until,
                teller,
            });
            break;
        }
        one = waiting.try_recv().ok();
    }
    (!gather.is_empty()).then(|| (gather.take(), tellers))
}

#[cfg(test)]
#[path = "batcher_tests.rs"]
mod tests;
