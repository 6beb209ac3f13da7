//! The inbox queue: events that the platform publishes over AMQP.
//!
//! Whoever may publish to the queue speaks for the whole platform: the tenant is named in the
//! event. A message is acknowledged when each of its good events is confirmed on its way to
//! fan-out and each of its bad ones stands among the rejected; until then it is the broker's.

mod message;

use std::time::Duration;

use broker::topology::Route;
use broker::{
    Acker, Cancelled, Consumer, Delivered, Outgoing, Publisher as Outlet, Received, ack_all,
};
use domain::event::Event;
use futures::future::join_all;
use service::Lifecycle;
use service::trace::{Hop, Step};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::acceptor::Acceptor;
use crate::check::{Publisher, Refusal};
use crate::metrics::Way;
use message::Item;

/// How long to wait before an event that the broker would not take is tried again.
const BREATH: Duration = Duration::from_millis(500);

/// Takes events from the inbox.
#[derive(Clone)]
pub(crate) struct Inbox {
    pub(crate) acceptor: Acceptor,
    pub(crate) outlet: Outlet,
    pub(crate) abort: CancellationToken,
}

/// Messages in hand.
type Messages = JoinSet<Option<Acker>>;

/// Why the queue is no longer consumed.
enum Ended {
    Stopped,
    /// A message panicked. It comes back when the consumer's channel ends, and that counts towards
    /// the delivery limit: one that always panics ends in quarantine.
    Panicked(JoinError),
}

impl Inbox {
    /// Works off a queue until told to stop, then finishes what is in hand.
    pub(crate) async fn run(self, consume: impl Fn() -> Consumer, life: Lifecycle) {
        // Without keys and tenants every event would be refused, without schemas none.
        let first = self.acceptor.loaded();
        if !matches!(life.stop().run_until_cancelled(first).await, Some(Ok(_))) {
            return;
        }
        while let Ended::Panicked(error) = self.work(consume()).await {
            tracing::error!(%error, "a message of the inbox panicked, it goes back to its queue");
        }
    }

    async fn work(&self, mut consumer: Consumer) -> Ended {
        let mut messages = Messages::new();
        let mut ended = loop {
            tokio::select! {
                Some(done) = messages.join_next() => {
                    if let Err(error) = acknowledge(done, &mut messages).await {
                        break Ended::Panicked(error);
                    }
                }
                received = consumer.next() => match received {
                    // Bounded by the prefetch: each task holds a message unacknowledged.
                    Some(received) => {
                        messages.spawn(self.clone().take(received));
                    }
                    None => break Ended::Stopped,
                },
            }
        };
        // Also after a panic: returned to the queue, these would be accepted twice.
        while let Some(done) = messages.join_next().await {
            if let Err(error) = acknowledge(done, &mut messages).await {
                ended = Ended::Panicked(error);
            }
        }
        ended
    }

    /// The right to acknowledge the message, when it is done with.
    async fn take(self, received: Received) -> Option<Acker> {
        let (mut delivered, acker) = received.into_parts();
        message::strip(&mut delivered.properties.headers);
        if self.settle(&delivered).await.is_err() {
            tracing::debug!("a message of the inbox stays with the broker");
            return None;
        }
        Some(acker)
    }

    /// Returns when every event of the message stands elsewhere, confirmed.
    async fn settle(&self, delivered: &Delivered) -> Result<(), Cancelled> {
        match message::read(delivered) {
            Ok(items) => {
                let settled = items
                    .into_iter()
                    .map(|item| self.settle_item(delivered, item));
                join_all(settled).await.into_iter().collect()
            }
            Err(refusal) => self.reject(letter(delivered, &refusal), &refusal).await,
        }
    }

    async fn settle_item(&self, delivered: &Delivered, item: Item) -> Result<(), Cancelled> {
        let Item {
            body,
            kind,
            message_id,
            draft,
        } = item;
        let mut hop = Hop::NONE;
        let judged = match draft {
            Ok(mut draft) => {
                hop = Hop::first(&draft.trace, || process(delivered));
                if let Some(context) = hop.context() {
                    draft.trace = context;
                }
                self.acceptor.judge(draft, Publisher::Inbox).await
            }
            Err(refusal) => Err(refusal),
        };
        match judged {
            Ok(event) => self.publish(&event).await,
            // With its own bytes: corrected, it can be published as it stands there.
            Err(refusal) => {
                hop.failed(refusal.reason.as_str());
                let letter = Outgoing {
                    body,
                    kind,
                    message_id,
                    ..letter(delivered, &refusal)
                };
                self.reject(letter, &refusal).await
            }
        }
    }

    /// Tries for as long as it takes: the message stays unacknowledged meanwhile. It is the same
    /// event each time, since one that was not confirmed may have been stored.
    async fn publish(&self, event: &Event) -> Result<(), Cancelled> {
        let class = self.acceptor.class(event);
        while let Err(error) = self.acceptor.publish(event, Way::Inbox, class).await {
            tracing::debug!(%error, "an event of the inbox is tried again");
            let pause = self.abort.run_until_cancelled(tokio::time::sleep(BREATH));
            pause.await.ok_or(Cancelled)?;
        }
        Ok(())
    }

    async fn reject(&self, letter: Outgoing, refusal: &Refusal) -> Result<(), Cancelled> {
        self.outlet
            .publish_until_confirmed(letter, &self.abort)
            .await?;
        self.acceptor.metrics.refused(Way::Inbox, refusal.reason);
        // Not the detail, which may quote what was sent.
        tracing::info!(
            reason = refusal.reason.as_str(),
            pointer = refusal.pointer,
            "an event of the inbox was rejected"
        );
        Ok(())
    }
}

/// Acknowledges a message that is done with, and those that are done with by now: what shared a
/// message to fan-out is confirmed together, and acknowledged in few frames.
async fn acknowledge(
    done: Result<Option<Acker>, JoinError>,
    messages: &mut Messages,
) -> Result<(), JoinError> {
    let mut ackers = Vec::new();
    let mut panicked = Ok(());
    let mut next = Some(done);
    while let Some(done) = next {
        match done {
            Ok(acker) => ackers.extend(acker),
            Err(error) => panicked = Err(error),
        }
        next = messages.try_join_next();
    }
    ack_all(ackers).await;
    panicked
}

fn process(delivered: &Delivered) -> Step {
    Step::process(
        &delivered.exchange,
        &delivered.routing_key,
        &delivered.queue,
    )
}

/// The message as it goes among the rejected, with the reason.
fn letter(delivered: &Delivered, refusal: &Refusal) -> Outgoing {
    let reason = refusal.reason.as_str();
    delivered.letter(Route::rejected(), reason, &refusal.to_string())
}
