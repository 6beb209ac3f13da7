//! What came in together: messages taken apart into events, one by one.

use std::collections::HashMap;
use std::time::Duration;

use broker::topology::Route;
use broker::{Acker, Delivered, Outgoing, Received};
use bytes::Bytes;
use domain::event::Event;
use domain::id::EventId;
use domain::limits;
use service::trace::{Hop, Step};
use time::OffsetDateTime;
use wire::DecodeError;

/// The reason that what can't be decoded is parked with.
const UNDECODABLE: &str = "undecodable";

/// Messages whose events are recorded together, and acknowledged together when all that is in
/// them stands elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// What could be read.
    pub(crate) events: Vec<Event>,
    /// What could not, each alone, on its way to the dead letters.
    pub(crate) parked: Vec<Outgoing>,
    /// The right to acknowledge the messages.
    pub(crate) ackers: Vec<Acker>,
    /// The spans of those whose traces are recorded.
    pub(crate) hops: HashMap<EventId, Hop>,
}

impl Intake {
    /// Takes a message in.
    pub(crate) fn take(&mut self, received: Received) {
        let (message, acker) = received.into_parts();
        self.ackers.push(acker);
        match wire::batch::split(message.body.clone()) {
            Ok(items) => items
                .into_iter()
                .for_each(|item| self.take_item(&message, item)),
            Err(error) => self.park(&message, message.body.clone(), &error),
        }
    }

    /// Whether another full message still fits a transaction.
    pub(crate) fn has_room(&self) -> bool {
        self.events.len() + limits::ITEMS_PER_MESSAGE <= limits::FANOUT_BATCH_EVENTS
    }

    /// How long ago its oldest event was accepted; zero where the clocks disagree.
    pub(crate) fn age(&self, now: OffsetDateTime) -> Duration {
        let oldest = self.events.iter().map(|event| event.accepted_at).min();
        let age = oldest.map_or(time::Duration::ZERO, |oldest| now - oldest);
        age.try_into().unwrap_or_default()
    }

    fn take_item(&mut self, message: &Delivered, item: Bytes) {
        match wire::accepted::decode(item.clone()) {
            Ok(event) => {
                if event.trace.is_sampled() {
                    let hop = Hop::within(&event.trace, || process(message, &event));
                    self.hops.insert(event.id, hop);
                }
                self.events.push(event);
            }
            Err(error) => self.park(message, wire::batch::join(vec![item]), &error),
        }
    }

    fn park(&mut self, message: &Delivered, body: Bytes, error: &DecodeError) {
        tracing::warn!(
            messaging.message.id = message.properties.message_id,
            %error,
            "undecodable, parked in the dead letters"
        );
        let letter = message.letter(Route::dead(), UNDECODABLE, &error.to_string());
        self.parked.push(Outgoing { body, ..letter });
    }
}

fn process(message: &Delivered, event: &Event) -> Step {
    Step::process(&message.exchange, &message.routing_key, &message.queue)
        .of("posthaste.event.id", event.id)
        .of("posthaste.tenant.id", event.tenant)
}
