//! A message in our hands.

use std::sync::Arc;

use bytes::Bytes;
use lapin::message::Delivery;
use tokio_util::sync::CancellationToken;

use super::acker::{Acker, Generation};
use crate::message::{HeaderValue, Outgoing, Properties, cut, header};
use crate::properties;
use crate::publisher::Publisher;
use crate::publisher::error::Cancelled;
use crate::topology::{Route, queue};

const DETAIL_BYTES: usize = 1_024;

/// A message that has to be acknowledged, parked or taken apart.
///
/// Dropped instead, it stays unacknowledged until its channel ends, as [`Acker`] says.
#[derive(Debug)]
#[must_use = "a message that is not acknowledged stays where it is until its channel ends"]
pub struct Received {
    delivered: Delivered,
    acker: Acker,
}

/// What a message says, apart from the right to acknowledge it.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The body.
    pub body: Bytes,
    /// What came beside it.
    pub properties: Properties,
    /// The exchange that it was published to, or dead-lettered to.
    pub exchange: String,
    /// Its routing key.
    pub routing_key: String,
    /// The queue that it was consumed from.
    pub queue: Arc<str>,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// How often it has come back to the queue; none when never.
    pub delivery_count: Option<u64>,
    /// Which queue let it go last, and why, if it was dead-lettered or has waited in a tier.
    pub death: Option<Death>,
}

/// That a queue let a message go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// The queue.
    pub queue: String,
    /// Why: `expired`, `delivery_limit`, `rejected` or `maxlen`.
    pub reason: String,
}

impl Received {
    pub(super) fn new(delivery: Delivery, generation: &Arc<Generation>, queue: &Arc<str>) -> Self {
        let delivered = Delivered {
            body: delivery.data.into(),
            properties: properties::received(&delivery.properties),
            exchange: delivery.exchange.to_string(),
            routing_key: delivery.routing_key.to_string(),
            queue: Arc::clone(queue),
            redelivered: delivery.redelivered,
            delivery_count: properties::delivery_count(&delivery.properties),
            death: properties::death(&delivery.properties),
        };
        Self {
            delivered,
            acker: generation.acker(delivery.delivery_tag, delivery.acker),
        }
    }

    pub(super) fn is_ours(&self) -> bool {
        self.acker.is_usable()
    }

    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.acker.is_beside(&other.acker)
    }

    /// Gives the message back to its queue at once, for another consumer.
    pub(super) async fn give_back(self) {
        self.acker.give_back().await;
    }

    /// Tells the broker that the message is done with. See [`Acker::ack`].
    pub async fn ack(self) {
        self.acker.ack().await;
    }

    /// The message, and apart from it the right to acknowledge it later.
    pub fn into_parts(self) -> (Delivered, Acker) {
        (self.delivered, self.acker)
    }

    /// Moves the message to the dead letters, saying why, and acknowledges it.
    ///
    /// `reason` is one word for machines, `detail` a sentence for people (cut to 1,024 bytes). It
    /// waits for as long as it takes, until `stop` is cancelled.
    ///
    /// # Errors
    /// When cancelled first.
    pub async fn park(
        self,
        publisher: &Publisher,
        reason: &str,
        detail: &str,
        stop: &CancellationToken,
    ) -> Result<(), Cancelled> {
        let letter = self.delivered.letter(Route::dead(), reason, detail);
        publisher.publish_until_confirmed(letter, stop).await?;
        self.ack().await;
        Ok(())
    }

    /// Moves the message to what publishers got wrong, saying why, and acknowledges it. See
    /// [`Self::park`].
    ///
    /// # Errors
    /// When cancelled first.
    pub async fn reject(
        self,
        publisher: &Publisher,
        reason: &str,
        detail: &str,
        stop: &CancellationToken,
    ) -> Result<(), Cancelled> {
        let letter = self.delivered.letter(Route::rejected(), reason, detail);
        publisher.publish_until_confirmed(letter, stop).await?;
        self.ack().await;
        Ok(())
    }
}

impl std::ops::Deref for Received {
    type Target = Delivered;

    fn deref(&self) -> &Delivered {
        &self.delivered
    }
}

impl Delivered {
    /// Whether another copy of it may have been taken before, here or elsewhere: the broker delivers
    /// it again, or its publisher had no confirm and published it again.
    #[must_use]
    pub fn may_be_repeated(&self) -> bool {
        self.redelivered || self.properties.headers.number(header::AGAIN).is_some()
    }

    /// When the message came into its queue, in seconds since 1970: when it was published, and for
    /// one that has waited in a tier, the tier's delay later. By its publisher's clock; none for a
    /// message without a timestamp.
    #[must_use]
    pub fn queued_at(&self) -> Option<u64> {
        let waited = self
            .death
            .as_ref()
            .and_then(|death| queue::tier_of(&death.queue));
        let waited = waited.map_or(0, |tier| tier.delay().as_secs());
        Some(self.properties.timestamp?.saturating_add(waited))
    }

    /// The message as it is published to `route` because of `reason`: the same body and
    /// properties, without the broker's notes on where it has been.
    #[must_use]
    pub fn letter(&self, route: Route, reason: &str, detail: &str) -> Outgoing {
        let text = |text: &str| HeaderValue::Text(text.to_owned());
        let Properties {
            content_type,
            kind,
            message_id,
            timestamp: _,
            mut headers,
        } = self.properties.clone();
        headers.insert(header::REASON, text(reason));
        headers.insert(header::DETAIL, text(cut(detail, DETAIL_BYTES)));
        headers.insert(header::ORIGIN, text(&self.queue));
        Outgoing {
            route,
            body: self.body.clone(),
            kind: kind.unwrap_or_default().into(),
            content_type: content_type.unwrap_or_default().into(),
            message_id,
            headers,
        }
    }
}
