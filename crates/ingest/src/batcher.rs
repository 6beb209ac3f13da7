//! Group commit: events that arrive while a message is on its way to the broker share the next.
//!
//! Nothing lingers to fill a message: an idle ingest publishes each event by itself, a busy one
//! fills its messages, and every event is told as soon as its message is confirmed.

use std::sync::Arc;
use std::time::Instant;

use broker::topology::Route;
use broker::{Outgoing, PublishError, Publisher};
use bytes::Bytes;
use domain::event::Event;
use domain::limits;
use domain::shard::{Shard, Shards};
use service::Lifecycle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, oneshot};
use wire::MessageType;
use wire::batch::Gather;

use crate::metrics::Metrics;

/// How many events of a shard may wait for a message to go with; a further one is turned away.
const WAITING: usize = 16 * 1024;

/// How many messages of a shard may be on their way at once.
///
/// With one, every event would wait for the confirm before its own; with many, messages would not
/// fill under load.
const UNDER_WAY: usize = 4;

/// Why an event was not accepted. It may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAccepted {
    /// Too many wait already.
    #[error("too many events are waiting for the broker")]
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

struct Waiting {
    item: Bytes,
    told: oneshot::Sender<Result<(), NotAccepted>>,
}

/// Publishes accepted events. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Batcher {
    shards: Shards,
    queues: Arc<[(Shard, mpsc::Sender<Waiting>)]>,
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
            let (sender, waiting) = mpsc::channel(WAITING);
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
        }
    }

    /// Publishes an event, and returns when the broker has it on disk.
    ///
    /// Dropped before, the event is published all the same: its publisher hears nothing, and may
    /// publish it again.
    pub(crate) async fn publish(&self, event: &Event) -> Result<(), NotAccepted> {
        let shard = self.shards.of(event.id.uuid());
        let queue = self.queues.iter().find(|(one, _)| *one == shard);
        let (_, queue) = queue.expect("every shard has a queue");
        let (told, outcome) = oneshot::channel();
        let waiting = Waiting {
            item: wire::accepted::encode(event),
            told,
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
            let (body, told) = gather(first, &mut waiting, &mut next);
            let ship = self.ship(body, told);
            tokio::spawn(async move {
                ship.await;
                drop(place);
            });
        }
        // What is under way holds its places until it is told.
        let places = u32::try_from(UNDER_WAY).unwrap_or(u32::MAX);
        let _all = self.under_way.acquire_many(places).await;
    }

    fn ship(
        &self,
        body: Bytes,
        told: Vec<oneshot::Sender<Result<(), NotAccepted>>>,
    ) -> impl Future<Output = ()> + use<> {
        let (publisher, metrics) = (self.publisher.clone(), self.metrics.clone());
        let route = Route::events(self.shard);
        async move {
            let kind = MessageType::Accepted.as_str();
            let began = Instant::now();
            let published = publisher
                .publish(Outgoing::new(route, body, kind, wire::CONTENT_TYPE))
                .await;
            metrics.confirmed(began.elapsed(), told.len());
            if let Err(error) = &published {
                tracing::warn!(%error, events = told.len(), "events were not accepted");
            }
            let outcome = published.as_ref().map(|&()| ()).map_err(NotAccepted::from);
            for one in told {
                // Who hung up doesn't want to know.
                let _ = one.send(outcome);
            }
        }
    }
}

/// Takes what is waiting, as much as goes into one message; what does not fit goes first into the
/// next.
fn gather(
    first: Waiting,
    waiting: &mut mpsc::Receiver<Waiting>,
    next: &mut Option<Waiting>,
) -> (Bytes, Vec<oneshot::Sender<Result<(), NotAccepted>>>) {
    let mut gather = Gather::new(limits::ITEMS_PER_MESSAGE);
    gather.push(first.item, 1);
    let mut told = vec![first.told];
    while let Ok(one) = waiting.try_recv() {
        if !gather.has_room(one.item.len(), 1) {
            *next = Some(one);
            break;
        }
        gather.push(one.item, 1);
        told.push(one.told);
    }
    (gather.take(), told)
}
