//! Group commit: events that arrive while a message is on its way to the broker share the next.
//!
//! Nothing lingers to fill a message: an idle ingest publishes each event by itself, a busy one
//! fills its messages, and every event is told as soon as its message is confirmed.
//!
//! What is above its tenant's share goes on lanes of its own, so that it is in nobody's way here
//! either. Requests on the bulk lane are kept waiting for the answer while others publish, which
//! slows their publisher down. The inbox is not: a message in it that waits keeps those behind it
//! waiting, whoever they are of.
//!
//! **Invariant:** an event is told within [`LONGEST_WAIT`] and the publisher's deadline, and what
//! waits is bounded by its bytes: publishers hear that the broker is away, and memory stays flat.

use std::sync::Arc;
use std::time::Duration;

use broker::topology::Route;
use broker::{Outgoing, PublishError, Publisher};
use bytes::Bytes;
use domain::event::Event;
use domain::fairness::Class;
use domain::limits;
use domain::shard::{Shard, Shards};
use service::courtesy::Steps;
use service::trace::{Hop, Step};
use service::{Courtesy, Lifecycle};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use wire::MessageType;
use wire::batch::Gather;

use crate::lane::Lane;
use crate::metrics::{Metrics, Way};
use crate::room::{Place, Room, most_places};

/// How much may wait for the broker on each lane, in bytes; a further event is turned away.
///
/// Each has room of its own, so that neither a backlog in the inbox nor a tenant that floods turns
/// anybody else's requests away.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

/// How long an event may wait for a message to go with.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long an event may have waited for a message before the bulk lane rests no more: resting
/// makes a publisher wait, and never turns it away.
const LONGEST_FOR_REST: Duration = Duration::from_secs(1);

/// How many messages of a shard may be on their way at once.
///
/// With one, every event would wait for the confirm before its own; with many, messages would not
/// fill under load.
const UNDER_WAY: u16 = 2;

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
    /// Every reason.
    pub(crate) const ALL: [Self; 3] = [Self::Overloaded, Self::Unavailable, Self::Unknown];

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

impl Waiting {
    fn waited(&self, now: Instant) -> Duration {
        LONGEST_WAIT.saturating_sub(self.until.saturating_duration_since(now))
    }
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
    queues: Arc<[Queue]>,
}

struct Queue {
    lane: Lane,
    shard: Shard,
    waiting: mpsc::Sender<Waiting>,
    /// Shared by all shards of the lane.
    room: Room,
}

/// What a batcher is started with.
pub(crate) struct Starting<'a> {
    /// Where the normal lane's messages go.
    pub(crate) outlet: &'a Publisher,
    /// Where the bulk lane's do.
    pub(crate) bulk_outlet: &'a Publisher,
    pub(crate) shards: Shards,
    pub(crate) courtesy: &'a Courtesy,
    pub(crate) life: &'a Lifecycle,
    pub(crate) metrics: &'a Metrics,
}

impl Starting<'_> {
    /// Starts a task for each lane of each shard; they end when the last clone is dropped.
    pub(crate) fn start(&self) -> Batcher {
        let queues = Lane::ALL.into_iter().flat_map(|lane| {
            let room = Room::new(WAITING_BYTES);
            let shards = self.shards.all();
            shards.map(move |shard| self.queue(lane, shard, room.clone()))
        });
        Batcher {
            shards: self.shards,
            queues: queues.collect(),
        }
    }

    fn queue(&self, lane: Lane, shard: Shard, room: Room) -> Queue {
        let (sender, waiting) = mpsc::channel(most_places(WAITING_BYTES));
        let publisher = match lane {
            Lane::Requests | Lane::Inbox => self.outlet,
            Lane::BulkRequests | Lane::BulkInbox => self.bulk_outlet,
        };
        let steps = match lane {
            Lane::Requests | Lane::Inbox | Lane::BulkInbox => Steps::normal(UNDER_WAY),
            Lane::BulkRequests => Steps::bulk(UNDER_WAY, self.courtesy.clone()),
        };
        let shipping = Shipping {
            route: lane.route(shard),
            publisher: publisher.clone(),
            steps,
            metrics: self.metrics.clone(),
        };
        self.life.spawn(shipping.run(waiting));
        Queue {
            lane,
            shard,
            waiting: sender,
            room,
        }
    }
}

impl Batcher {
    /// Publishes an event, and returns when the broker has it on disk.
    ///
    /// Dropped before, the event is published all the same: its publisher hears nothing, and may
    /// publish it again.
    pub(crate) async fn publish(
        &self,
        event: &Event,
        way: Way,
        class: Class,
    ) -> Result<(), NotAccepted> {
        let (lane, shard) = (Lane::of(way, class), self.shards.of(event.id.uuid()));
        let is_ours = |queue: &&Queue| (queue.lane, queue.shard) == (lane, shard);
        let queue = self.queues.iter().find(is_ours);
        let queue = queue.expect("every lane of every shard has a queue");
        let mut hop = Hop::within(&event.trace, || publishing(event, &lane.route(shard)));
        let item = passed_on(event, &hop);
        let place = queue.room.take(item.len()).ok_or(NotAccepted::Overloaded)?;
        let (told, outcome) = oneshot::channel();
        let waiting = Waiting {
            item,
            until: Instant::now() + LONGEST_WAIT,
            teller: Teller {
                told,
                _place: place,
            },
        };
        let sent = queue.waiting.try_send(waiting);
        sent.map_err(|error| match error {
            TrySendError::Full(_) => NotAccepted::Overloaded,
            TrySendError::Closed(_) => NotAccepted::Unavailable,
        })?;
        // Nobody tells when the process ends first.
        let outcome = outcome.await.unwrap_or(Err(NotAccepted::Unknown));
        if let Err(error) = outcome {
            hop.failed(error.as_str());
        }
        outcome
    }
}

fn publishing(event: &Event, route: &Route) -> Step {
    Step::publish(route.template())
        .of("messaging.destination.name", route)
        .of("posthaste.event.id", event.id)
        .of("posthaste.tenant.id", event.tenant)
}

/// The event as it goes on: within the span that publishes it, where there is one.
fn passed_on(event: &Event, hop: &Hop) -> Bytes {
    match hop.context() {
        Some(trace) => wire::accepted::encode(&Event {
            trace,
            ..event.clone()
        }),
        None => wire::accepted::encode(event),
    }
}

/// The way of events from one lane and shard to the broker.
struct Shipping {
    route: Route,
    publisher: Publisher,
    steps: Steps,
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
            let step = self.steps.begin().await;
            let waited = first.waited(Instant::now());
            let most = step.most(limits::ITEMS_PER_MESSAGE);
            let Some((body, tellers)) = gather(first, &mut waiting, &mut next, most) else {
                continue;
            };
            let ship = self.ship(body, tellers);
            tokio::spawn(async move {
                let took = ship.await;
                if waited < LONGEST_FOR_REST {
                    step.end(took, waited).await;
                }
            });
        }
        // What is under way holds its places until it is told.
        self.steps.ended().await;
    }

    /// Publishes a message and tells whose events are in it; gives how long the broker took.
    fn ship(&self, body: Bytes, tellers: Vec<Teller>) -> impl Future<Output = Duration> + use<> {
        let (publisher, metrics) = (self.publisher.clone(), self.metrics.clone());
        let route = self.route.clone();
        async move {
            let kind = MessageType::Accepted.as_str();
            let began = Instant::now();
            let published = publisher
                .publish(Outgoing::new(route, body, kind, wire::CONTENT_TYPE))
                .await;
            let took = began.elapsed();
            metrics.published(tellers.len());
            log(&published, tellers.len());
            let outcome = published.as_ref().map(|&()| ()).map_err(NotAccepted::from);
            for teller in tellers {
                teller.tell(outcome);
            }
            took
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

/// Takes what is waiting, as much as goes into one message of `most` events; what does not fit goes
/// first into the next. What has waited too long is turned away; none when nothing else is there.
fn gather(
    first: Waiting,
    waiting: &mut mpsc::Receiver<Waiting>,
    next: &mut Option<Waiting>,
    most: usize,
) -> Option<(Bytes, Vec<Teller>)> {
    let now = Instant::now();
    let mut gather = Gather::new(most);
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
