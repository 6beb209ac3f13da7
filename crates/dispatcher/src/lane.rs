//! The lanes that deliveries come by: messages are taken apart here.

use std::sync::Arc;
use std::time::Duration;

use broker::{Consumer, Delivered, Received};
use bytes::Bytes;
use domain::dispatch::Dispatch;
use service::{Latch, Readiness};
use tokio::select;
use tokio::sync::Semaphore;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::{DecodeError, batch, dispatch};

use crate::compose::Bodies;
use crate::dispatcher::{Dispatcher, Item};
use crate::doubt::{self, Doubt};
use crate::outbox::Poison;
use crate::progress::{CaughtUp, Progress};
use crate::telemetry;
use crate::ticket::{self, Ticket};

/// Where deliveries come from. Each lane has consumers and a prefetch of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// First attempts, many to a message.
    Fresh,
    /// What has waited, and what had no room on the fresh lane; each alone in its message.
    Retry,
    /// What is above its tenant's share, whether it was tried or not. It stays on this lane, so
    /// that it is never among the retries of others.
    Bulk,
    /// What was in a message that the broker gave up on. One at a time, so that what brings the
    /// process down takes nothing else with it.
    Quarantine,
}

impl Lane {
    /// The name in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Retry => "retry",
            Self::Bulk => "bulk",
            Self::Quarantine => "quarantine",
        }
    }
}

/// How often readiness is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What a lane's work is done with.
#[derive(Clone)]
pub(crate) struct Crew {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) tasks: TaskTracker,
    pub(crate) abort: CancellationToken,
}

/// One place in a message.
enum Part {
    Delivery(Dispatch, Arc<Bodies>),
    Unreadable(Bytes, DecodeError),
}

impl Part {
    fn dispatch(&self) -> Option<&Dispatch> {
        match self {
            Self::Delivery(dispatch, _) => Some(dispatch),
            Self::Unreadable(..) => None,
        }
    }
}

/// What all items of a message share.
#[derive(Clone)]
struct Batch {
    message: Arc<Delivered>,
    doubt: Option<Arc<Doubt>>,
}

impl Crew {
    /// Takes messages until the consumer is stopped. What was taken is worked on in tasks; in
    /// quarantine it is finished before the next is taken.
    pub(crate) async fn work_off(
        self,
        lane: Lane,
        mut consumer: Consumer,
        progress: Arc<Progress>,
        latch: Latch,
    ) {
        let mut look = interval(LOOK);
        // In quarantine one message is taken at a time, which has failed too often to be known to be
        // made: nothing there is to wait for the record.
        let in_doubt = match lane {
            Lane::Fresh | Lane::Retry | Lane::Bulk => doubt::AT_ONCE,
            Lane::Quarantine => 0,
        };
        let in_doubt = Arc::new(Semaphore::new(in_doubt));
        loop {
            select! {
                received = consumer.next() => {
                    let Some(received) = received else { return };
                    progress.took(&received);
                    let done = self.take_apart(lane, received, &in_doubt).await;
                    if lane == Lane::Quarantine {
                        done.wait().await;
                    }
                }
                _ = look.tick() => {
                    latch.set(self.readiness(&consumer));
                    progress.looked(caught_up(&consumer));
                }
            }
        }
    }

    /// What is taken must be able to go on.
    fn readiness(&self, consumer: &Consumer) -> Readiness {
        if consumer.is_connected() && self.dispatcher.outbox.is_connected() {
            Readiness::Ready
        } else {
            Readiness::NotReady
        }
    }

    /// Starts a task for each item. Returns what tells when all have ended.
    async fn take_apart(
        &self,
        lane: Lane,
        received: Received,
        in_doubt: &Arc<Semaphore>,
    ) -> TaskTracker {
        let tasks = TaskTracker::new();
        tasks.close();
        let items = match batch::split(received.body.clone()) {
            Ok(items) => items,
            Err(error) => {
                // Cancelled, the message stays where it was.
                let _ = self.dispatcher.outbox.park_whole(received, &error).await;
                return tasks;
            }
        };
        let (message, acker) = received.into_parts();
        let message = Arc::new(message);
        let parts: Vec<Part> = items.into_iter().flat_map(decode).collect();
        let tickets = match ticket::issue(acker, parts.len()) {
            Ok(tickets) => tickets,
            Err(acker) => {
                acker.ack().await;
                return tasks;
            }
        };
        let dispatches = parts.iter().filter_map(Part::dispatch);
        let doubt = Doubt::about(&message, dispatches, in_doubt);
        let batch = Batch { message, doubt };
        for (part, ticket) in parts.into_iter().zip(tickets) {
            if let Some(dispatch) = part.dispatch() {
                self.dispatcher.pace.begin(lane, dispatch).await;
            }
            let work = self.work_on(lane, part, batch.clone(), ticket);
            tasks.spawn(self.tasks.track_future(work));
        }
        tasks
    }

    fn work_on(
        &self,
        lane: Lane,
        part: Part,
        batch: Batch,
        ticket: Ticket,
    ) -> impl Future<Output = ()> + Send + 'static {
        let Self {
            dispatcher, abort, ..
        } = self.clone();
        let Batch { message, doubt } = batch;
        let work = async move {
            match part {
                Part::Delivery(dispatch, bodies) => {
                    let item = Item {
                        doubt,
                        hop: telemetry::taken(&dispatch, &message),
                        dispatch,
                        bodies,
                        message,
                        lane,
                    };
                    // On the heap, since a task moves its future several times until it runs.
                    let delivered = Box::pin(dispatcher.deliver(item, ticket));
                    match lane {
                        Lane::Bulk => dispatcher.pace.metered(delivered).await,
                        Lane::Fresh | Lane::Retry | Lane::Quarantine => delivered.await,
                    }
                }
                Part::Unreadable(bytes, error) => {
                    let body = batch::join(vec![bytes]);
                    let detail = error.to_string();
                    let poison = Poison::Undecodable;
                    let outbox = &dispatcher.outbox;
                    let parked = outbox.poison(&message, body, poison, &detail).await;
                    if let Ok(()) = parked {
                        ticket.done().await;
                    }
                }
            }
        };
        async move {
            // What is dropped by the abort is not acknowledged, and comes again.
            let _ = abort.run_until_cancelled(work).await;
        }
    }
}

fn caught_up(consumer: &Consumer) -> CaughtUp {
    if consumer.is_caught_up() {
        CaughtUp::Yes
    } else {
        CaughtUp::No
    }
}

fn decode(item: Bytes) -> Vec<Part> {
    match dispatch::decode(item.clone()) {
        Ok(dispatches) => {
            let bodies = Bodies::shared();
            dispatches
                .into_iter()
                .map(|dispatch| Part::Delivery(dispatch, Arc::clone(&bodies)))
                .collect()
        }
        Err(error) => vec![Part::Unreadable(item, error)],
    }
}
