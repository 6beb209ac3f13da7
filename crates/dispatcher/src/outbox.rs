//! Deliveries on their way out: each a message of its own, published until it is confirmed.

use std::time::Duration;

use broker::message::header;
use broker::topology::Route;
use broker::{Cancelled, Delivered, Headers, Outgoing, Publisher, Received};
use bytes::Bytes;
use domain::delivery::DeadReason;
use domain::dispatch::{Custody, Dispatch};
use domain::shard::{Shard, Shards};
use domain::tier::{Step, Tier, Wait};
use tokio_util::sync::CancellationToken;
use wire::{CONTENT_TYPE, DecodeError, MessageType, dispatch};

use crate::lane::Lane;
use crate::telemetry;

/// Publishes single deliveries.
pub(crate) struct Outbox {
    publisher: Publisher,
    shards: Shards,
    abort: CancellationToken,
}

/// Why an item is of no use to anybody, as the dead letters name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Poison {
    /// It can't be read.
    Undecodable,
    /// Working on it panicked.
    Panicked,
    /// Its payload is not in its event's row, and the row should have long been there.
    PayloadMissing,
}

impl Poison {
    /// For machines.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Panicked => "panicked",
            Self::PayloadMissing => "payload_missing",
        }
    }

    /// The same for a person.
    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::Undecodable => "the item is not one that this version can read",
            Self::Panicked => "working on the item panicked: the log says where",
            Self::PayloadMissing => "the event's row, which holds the payload, is not there",
        }
    }
}

impl Outbox {
    pub(crate) const fn new(
        publisher: Publisher,
        shards: Shards,
        abort: CancellationToken,
    ) -> Self {
        Self {
            publisher,
            shards,
            abort,
        }
    }

    /// Whether anything can be published now.
    pub(crate) fn is_connected(&self) -> bool {
        self.publisher.is_connected()
    }

    /// Puts a delivery of this lane into this tier; when it comes back, `rest` is left of its wait.
    ///
    /// # Errors
    /// As all here: when the grace is over before the broker has confirmed.
    pub(crate) async fn park(
        &self,
        dispatch: &Dispatch,
        lane: Lane,
        tier: Tier,
        rest: Wait,
    ) -> Result<(), Cancelled> {
        let parked = Dispatch {
            wait: rest,
            ..dispatch.clone()
        };
        let shard = self.shard(dispatch);
        let route = match lane {
            Lane::Fresh | Lane::Retry | Lane::Quarantine => Route::retry(tier, shard),
            Lane::Bulk => Route::retry_bulk(tier, shard),
        };
        self.publish(route, &parked, Headers::new()).await
    }

    /// Puts a delivery of this lane where its wait says: into a tier, or back to the dispatchers
    /// when the wait is shorter than any tier.
    pub(crate) async fn wait(&self, dispatch: &Dispatch, lane: Lane) -> Result<(), Cancelled> {
        match dispatch.wait.step() {
            Step::Park(tier, rest) => self.park(dispatch, lane, tier, rest).await,
            Step::Go | Step::Linger(_) => self.slow(dispatch, lane).await,
        }
    }

    /// Puts the delivery into the slow lane; one of the bulk lane, where nobody is in a hurry,
    /// stays there.
    pub(crate) async fn slow(&self, dispatch: &Dispatch, lane: Lane) -> Result<(), Cancelled> {
        let shard = self.shard(dispatch);
        let route = match lane {
            Lane::Fresh | Lane::Retry | Lane::Quarantine => Route::dispatch_slow(shard),
            Lane::Bulk => Route::dispatch_bulk(shard),
        };
        self.publish(route, dispatch, Headers::new()).await
    }

    /// Leaves a marked copy of a delivery whose attempt is under way, to come back when the attempt
    /// must have ended.
    pub(crate) async fn copy(
        &self,
        dispatch: &Dispatch,
        lane: Lane,
        deadline: Duration,
    ) -> Result<(), Cancelled> {
        let copy = Dispatch {
            custody: Custody::HandedOver,
            ..dispatch.clone()
        };
        let tier = copy_tier(deadline);
        self.park(&copy, lane, tier, Wait::NONE).await
    }

    /// Moves a delivery that was given up to the dead letters.
    pub(crate) async fn dead(
        &self,
        dispatch: &Dispatch,
        reason: DeadReason,
        lane_queue: &str,
    ) -> Result<(), Cancelled> {
        let headers = Headers::new()
            .with(header::REASON, reason.as_str())
            .with(header::ORIGIN, lane_queue);
        self.publish(Route::dead(), dispatch, headers).await
    }

    /// Moves one item of a message to the dead letters: `body` is a batch with this item alone.
    pub(crate) async fn poison(
        &self,
        message: &Delivered,
        body: Bytes,
        poison: Poison,
        detail: &str,
    ) -> Result<(), Cancelled> {
        let alone = Delivered {
            body,
            ..message.clone()
        };
        let letter = alone.letter(Route::dead(), poison.as_str(), detail);
        self.send(letter).await
    }

    /// Moves a message whose items can't be told apart to the dead letters.
    pub(crate) async fn park_whole(
        &self,
        message: Received,
        error: &DecodeError,
    ) -> Result<(), Cancelled> {
        let (reason, detail) = (Poison::Undecodable.as_str(), error.to_string());
        message
            .park(&self.publisher, reason, &detail, &self.abort)
            .await
    }

    async fn publish(
        &self,
        route: Route,
        dispatch: &Dispatch,
        headers: Headers,
    ) -> Result<(), Cancelled> {
        let _hop = telemetry::publishing(&dispatch.content.trace, &route);
        let body = dispatch::encode_alone(dispatch);
        let message = Outgoing::new(route, body, MessageType::Dispatch.as_str(), CONTENT_TYPE)
            .with_message_id(dispatch.due.delivery.id.to_string())
            .with_headers(headers);
        self.send(message).await
    }

    async fn send(&self, message: Outgoing) -> Result<(), Cancelled> {
        // On the heap: most deliveries publish nothing here, and would all have room for it.
        let published = self.publisher.publish_until_confirmed(message, &self.abort);
        Box::pin(published).await
    }

    fn shard(&self, dispatch: &Dispatch) -> Shard {
        self.shards.of(dispatch.due.delivery.endpoint.uuid())
    }
}

/// What a dispatcher may need after an attempt's deadline to publish what follows.
const SETTLING: Duration = Duration::from_secs(5);

/// The shortest tier that outlasts an attempt with this deadline, and what is published after it.
fn copy_tier(deadline: Duration) -> Tier {
    Tier::not_below(deadline.saturating_add(SETTLING))
}

#[cfg(test)]
mod tests {
    use domain::limits;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(limits::ATTEMPT_TIMEOUT_MIN, "10s")]
    #[case(limits::ATTEMPT_TIMEOUT, "30s")]
    #[case(limits::ATTEMPT_TIMEOUT_MAX, "1m")]
    #[case(Duration::MAX, "10h")]
    fn a_copy_comes_back_after_the_attempt(#[case] deadline: Duration, #[case] tier: &str) {
        assert_eq!(copy_tier(deadline).name(), tier);
    }
}
