//! The inbox queue: events that the platform publishes over AMQP.
//!
//! Whoever may publish to the queue speaks for the whole platform: the tenant is named in the
//! event. A message is acknowledged when each of its good events is confirmed on its way to
//! fan-out and each of its bad ones stands among the rejected; until then it is the broker's.

mod message;

use std::sync::Arc;
use std::time::Duration;

use broker::topology::Route;
use broker::{Cancelled, Consumer, Delivered, Publisher as Outlet, Received};
use bytes::Bytes;
use futures::future::join_all;
use service::Lifecycle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::acceptor::{AcceptError, Acceptor};
use crate::check::{Draft, Publisher, Refusal};
use crate::metrics::Way;

/// How long to wait before an event that the broker would not take is tried again.
const BREATH: Duration = Duration::from_millis(500);

/// Takes events from the inbox.
#[derive(Clone)]
pub(crate) struct Inbox {
    pub(crate) acceptor: Acceptor,
    pub(crate) outlet: Outlet,
    pub(crate) abort: CancellationToken,
}

impl Inbox {
    /// Works off a queue until the consumer ends, then finishes what is in hand.
    pub(crate) async fn run(self, mut consumer: Consumer, life: Lifecycle) {
        // Without keys and tenants every event would be refused.
        let first = self.acceptor.access.loaded(Duration::MAX);
        if !matches!(life.stop().run_until_cancelled(first).await, Some(Ok(_))) {
            return;
        }
        let tasks = TaskTracker::new();
        while let Some(received) = consumer.next().await {
            let inbox = self.clone();
            // Bounded by the consumer's prefetch: each task holds a message unacknowledged.
            tasks.spawn(async move {
                if inbox.take(received).await.is_err() {
                    tracing::debug!("a message of the inbox stays with the broker");
                }
            });
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn take(&self, received: Received) -> Result<(), Cancelled> {
        let (delivered, acker) = received.into_parts();
        match message::read(&delivered) {
            Ok(items) => {
                let delivered = Arc::new(delivered);
                let taken = items
                    .into_iter()
                    .map(|item| self.take_item(&delivered, item));
                for outcome in join_all(taken).await {
                    outcome?;
                }
            }
            Err(refusal) => {
                self.reject(&delivered, delivered.body.clone(), &refusal)
                    .await?
            }
        }
        acker.ack().await;
        Ok(())
    }

    async fn take_item(&self, delivered: &Delivered, item: message::Item) -> Result<(), Cancelled> {
        match item.draft {
            Ok(draft) => self.accept(delivered, item.body, draft).await,
            Err(refusal) => self.reject(delivered, item.body, &refusal).await,
        }
    }

    /// Tries for as long as it takes: the message stays unacknowledged meanwhile.
    async fn accept(
        &self,
        delivered: &Delivered,
        body: Bytes,
        draft: Draft,
    ) -> Result<(), Cancelled> {
        loop {
            match self
                .acceptor
                .accept(draft.clone(), Publisher::Inbox, Way::Inbox)
                .await
            {
                Ok(_) => return Ok(()),
                Err(AcceptError::Refused(refusal)) => {
                    return self.reject(delivered, body, &refusal).await;
                }
                Err(AcceptError::NotAccepted(error)) => {
                    tracing::debug!(%error, "an event of the inbox is tried again");
                }
            }
            let pause = self.abort.run_until_cancelled(tokio::time::sleep(BREATH));
            pause.await.ok_or(Cancelled)?;
        }
    }

    /// Puts one event among the rejected, with its own bytes and the reason.
    async fn reject(
        &self,
        delivered: &Delivered,
        body: Bytes,
        refusal: &Refusal,
    ) -> Result<(), Cancelled> {
        let reason = refusal.reason.as_str();
        let mut letter = delivered.letter(Route::rejected(), reason, &refusal.to_string());
        letter.body = body;
        self.outlet
            .publish_until_confirmed(letter, &self.abort)
            .await?;
        self.acceptor.metrics.refused(Way::Inbox, refusal.reason);
        tracing::info!(reason, detail = %refusal, "an event of the inbox was rejected");
        Ok(())
    }
}
