//! The herald: publishes what the record has to tell the platform, as events to fan-out.

use std::error::Error;
use std::time::Duration;

use broker::topology::Route;
use broker::{Outgoing, Publisher};
use bytes::Bytes;
use domain::event::Event;
use domain::id::EventId;
use domain::limits;
use domain::shard::{Shard, Shards};
use futures::future::join_all;
use store::Store;
use time::OffsetDateTime;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use wire::MessageType;
use wire::batch::Gather;

use crate::metrics::{Metrics, whole};

/// How often the outbox is looked at.
const ROUND: Duration = Duration::from_secs(1);
/// How many are published in one transaction.
const TOGETHER: u16 = 256;

/// Publishes operational events. Several recorders may do so at once.
#[derive(Debug)]
pub(crate) struct Herald {
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    pub(crate) shards: Shards,
    pub(crate) stop: CancellationToken,
    pub(crate) metrics: Metrics,
}

impl Herald {
    /// A round every second, until told to stop. What can't be published stays for the next one.
    pub(crate) async fn run(self) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.stop.run_until_cancelled(rounds.tick()).await.is_some() {
            while self.round().await == usize::from(TOGETHER) && !self.stop.is_cancelled() {}
        }
    }

    /// Publishes the oldest; gives how many.
    async fn round(&self) -> usize {
        let now = OffsetDateTime::now_utc();
        let publish = async |events| self.publish(events).await;
        match self.store.publish_operational(now, TOGETHER, publish).await {
            Ok(published) => {
                self.metrics.told.add(whole(published), &[]);
                published
            }
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::debug!(error, "operational events wait for the record");
                0
            }
        }
    }

    /// Those that the broker has confirmed.
    async fn publish(&self, events: Vec<Event>) -> Vec<EventId> {
        let published = messages(self.shards, &events)
            .into_iter()
            .map(
                async |(message, ids)| match self.publisher.publish(message).await {
                    Ok(()) => ids,
                    Err(error) => {
                        tracing::warn!(%error, events = ids.len(), "operational events wait");
                        Vec::new()
                    }
                },
            );
        join_all(published).await.into_iter().flatten().collect()
    }
}

/// Messages to fan-out, each with the events that are in it.
fn messages(shards: Shards, events: &[Event]) -> Vec<(Outgoing, Vec<EventId>)> {
    let mut messages = Vec::new();
    for shard in shards.all() {
        let mut gather = Gather::new(limits::ITEMS_PER_MESSAGE);
        let mut ids = Vec::new();
        let of_shard = events
            .iter()
            .filter(|event| shards.of(event.id.uuid()) == shard);
        for event in of_shard {
            let item = wire::accepted::encode(event);
            if !gather.has_room(item.len(), 1) {
                messages.push((outgoing(shard, gather.take()), std::mem::take(&mut ids)));
            }
            gather.push(item, 1);
            ids.push(event.id);
        }
        if !gather.is_empty() {
            messages.push((outgoing(shard, gather.take()), ids));
        }
    }
    messages
}

fn outgoing(shard: Shard, body: Bytes) -> Outgoing {
    let kind = MessageType::Accepted.as_str();
    Outgoing::new(Route::events(shard), body, kind, wire::CONTENT_TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn every_event_goes_once_to_its_shard() {
        let shards = Shards::new(3).unwrap();
        let events: Vec<_> = (1..=200).map(samples::event).collect();
        let mut seen = Vec::new();
        for (message, ids) in messages(shards, &events) {
            let items = wire::batch::split(message.body).unwrap();
            let inside: Vec<_> = items
                .into_iter()
                .map(|item| wire::accepted::decode(item).unwrap().id)
                .collect();
            assert_eq!(inside, ids);
            for id in &ids {
                assert_eq!(message.route, Route::events(shards.of(id.uuid())));
            }
            seen.extend(ids);
        }
        let mut expected: Vec<_> = events.iter().map(|event| event.id).collect();
        seen.sort_unstable();
        expected.sort_unstable();
        assert_eq!(seen, expected);
    }
}
