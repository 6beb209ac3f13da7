//! Dead letters and rejected messages: tried once more alone, or kept.

use std::error::Error;
use std::sync::Arc;

use broker::topology::Route;
use broker::{Acker, Delivered, Outgoing, Publisher, Received, ack_all};
use domain::report::Report;
use futures::future::try_join_all;
use opentelemetry::KeyValue;
use service::Latch;
use service::trace::{Hop, Step};
use store::dead_letters::NewDeadLetter;
use store::{Remedy, Store, StoreError};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use wire::MessageType;

use crate::fate::{self, Fate};
use crate::interrupted::Interrupted;
use crate::letter;
use crate::metrics::{Metrics, whole};
use service::patience::Patience;

/// Empties the queues that nobody else works on.
#[derive(Debug)]
pub(crate) struct Undertaker {
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    /// Says whether the record answers.
    pub(crate) record: Arc<Latch>,
    /// Cancelled when the record is no longer waited for.
    pub(crate) stop: CancellationToken,
    /// Cancelled when nothing is waited for.
    pub(crate) abort: CancellationToken,
    pub(crate) metrics: Metrics,
}

/// A letter, the right to acknowledge its message, and the span of its being kept.
type Held = (NewDeadLetter, Acker, Hop);

impl Undertaker {
    /// Handles messages that nobody could work on.
    pub(crate) async fn bury(&self, received: Vec<Received>) -> Result<(), Interrupted> {
        let mut letters = Vec::new();
        let mut ends = Vec::new();
        let mut again = Vec::new();
        let mut ackers = Vec::new();
        for (message, acker) in received.into_iter().map(Received::into_parts) {
            match fate::of(&message) {
                Fate::Keep(letter) => {
                    ends.extend(letter::end(&letter, OffsetDateTime::now_utc()));
                    let hop = kept(&message, &letter);
                    letters.push((*letter, acker, hop));
                }
                Fate::Quarantine(items) => {
                    log_quarantine(&message, items.len());
                    again.extend(items);
                    ackers.push(acker);
                }
            }
        }
        // First what can still be delivered: it needs no record.
        let quarantined = whole(again.len());
        self.publish(again).await?;
        self.metrics.quarantined.add(quarantined, &[]);
        ack_all(ackers).await;
        self.publish(ends.iter().map(report)).await?;
        self.keep(letters).await
    }

    /// Handles messages that their publishers got wrong.
    pub(crate) async fn reject(&self, received: Vec<Received>) -> Result<(), Interrupted> {
        let letters = received.into_iter().map(Received::into_parts);
        let letters = letters.map(|(message, acker)| {
            let letter = letter::rejected(&message);
            let hop = kept(&message, &letter);
            (letter, acker, hop)
        });
        self.keep(letters.collect()).await
    }

    async fn publish(
        &self,
        messages: impl IntoIterator<Item = Outgoing>,
    ) -> Result<(), Interrupted> {
        let confirmed = messages
            .into_iter()
            .map(|message| self.publisher.publish_until_confirmed(message, &self.abort));
        try_join_all(confirmed).await?;
        Ok(())
    }

    /// Keeps letters and acknowledges their messages. One that the record refuses is left
    /// unacknowledged: it comes back with the next connection, and is never thrown away.
    async fn keep(&self, held: Vec<Held>) -> Result<(), Interrupted> {
        let mut letters = Vec::with_capacity(held.len());
        let mut ackers = Vec::with_capacity(held.len());
        // They end when the letters are kept.
        let mut hops = Vec::with_capacity(held.len());
        for (letter, acker, hop) in held {
            letters.push(letter);
            ackers.push(acker);
            hops.push(hop);
        }
        if letters.is_empty() {
            return Ok(());
        }
        if self.commit(&letters).await?.is_ok() {
            ack_all(ackers).await;
            return Ok(());
        }
        for (letter, acker) in letters.iter().zip(ackers) {
            if self.commit(std::slice::from_ref(letter)).await?.is_ok() {
                acker.ack().await;
            }
        }
        Ok(())
    }

    /// One insertion, tried until the record has it or refuses it.
    async fn commit(
        &self,
        letters: &[NewDeadLetter],
    ) -> Result<Result<(), StoreError>, Interrupted> {
        let mut patience = Patience::new(&self.record, &self.stop);
        loop {
            let Err(error) = self.store.insert_dead_letters(letters).await else {
                patience.rewarded();
                for letter in letters {
                    self.log_kept(letter);
                }
                return Ok(Ok(()));
            };
            match error.remedy() {
                Remedy::Wait => patience.wait(&error).await?,
                Remedy::MakePartitions | Remedy::PutAside => {
                    tracing::error!(
                        error = &error as &dyn Error,
                        letters = letters.len(),
                        "the record refuses dead letters, they stay in their queue"
                    );
                    return Ok(Err(error));
                }
            }
        }
    }

    fn log_kept(&self, letter: &NewDeadLetter) {
        let kind = KeyValue::new("kind", letter.kind.as_str());
        self.metrics.letters.add(1, &[kind]);
        tracing::warn!(
            dead_letter.id = %letter.id,
            dead_letter.kind = letter.kind.as_str(),
            dead_letter.reason = letter.reason,
            dead_letter.origin = letter.origin,
            delivery.id = letter.delivery.map(tracing::field::display),
            event.id = letter.event.map(tracing::field::display),
            "dead letter kept"
        );
    }
}

/// Begins the span of a dead letter that is kept, which is a failure in its trace.
fn kept(message: &Delivered, letter: &NewDeadLetter) -> Hop {
    let mut hop = Hop::within(&letter::trace(message), || {
        Step::process(&message.exchange, &message.routing_key, &message.queue)
            .of("posthaste.dead_letter.id", letter.id)
    });
    hop.failed(letter.kind.as_str());
    hop
}

/// A report, alone on its way to be recorded.
fn report(report: &Report) -> Outgoing {
    let body = wire::batch::join(vec![wire::report::encode(report)]);
    let kind = MessageType::Report.as_str();
    Outgoing::new(Route::results(), body, kind, wire::CONTENT_TYPE)
}

fn log_quarantine(message: &Delivered, items: usize) {
    let origin = message.death.as_ref().map(|death| death.queue.as_str());
    tracing::warn!(
        origin,
        items,
        "a message came back too often, each of its items is tried alone"
    );
}
