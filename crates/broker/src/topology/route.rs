//! Where a message is published to.

use std::fmt;

use domain::shard::Shard;
use domain::tier::Tier;

use super::exchange;
use super::queue::Lane;

/// An exchange and a routing key of our topology.
///
/// Its text is `exchange:routing key`, as OpenTelemetry names a RabbitMQ destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    exchange: &'static str,
    key: String,
}

impl Route {
    fn new(exchange: &'static str, key: impl Into<String>) -> Self {
        Self {
            exchange,
            key: key.into(),
        }
    }

    /// To ingest, as a platform publishes.
    #[must_use]
    pub fn inbox() -> Self {
        Self::new(exchange::INBOX, "event")
    }

    /// To fan-out.
    #[must_use]
    pub fn events(shard: Shard) -> Self {
        Self::new(exchange::EVENTS, shard.to_string())
    }

    /// To fan-out, on the bulk lane.
    #[must_use]
    pub fn events_bulk(shard: Shard) -> Self {
        Self::new(exchange::EVENTS, format!("bulk.{shard}"))
    }

    /// To the dispatchers, untried.
    #[must_use]
    pub fn dispatch_now(shard: Shard) -> Self {
        Self::new(exchange::DISPATCH, format!("now.{shard}"))
    }

    /// To the dispatchers, on the retry lane, where slow endpoints don't hold up others.
    #[must_use]
    pub fn dispatch_slow(shard: Shard) -> Self {
        Self::new(exchange::DISPATCH, format!("slow.{shard}"))
    }

    /// To wait for the tier's delay, and then to the dispatchers on the retry lane.
    #[must_use]
    pub fn retry(tier: Tier, shard: Shard) -> Self {
        Self::new(exchange::RETRY, format!("{}.{shard}", tier.name()))
    }

    /// To the dispatchers, on the bulk lane.
    #[must_use]
    pub fn dispatch_bulk(shard: Shard) -> Self {
        Self::new(exchange::DISPATCH, format!("bulk.{shard}"))
    }

    /// To wait for the tier's delay, and then to the dispatchers on the bulk lane.
    #[must_use]
    pub fn retry_bulk(tier: Tier, shard: Shard) -> Self {
        // One word, so that the tier's own binding takes it.
        Self::new(exchange::RETRY, format!("{}.bulk-{shard}", tier.name()))
    }

    /// To the recorder.
    #[must_use]
    pub fn results() -> Self {
        Self::new(exchange::RESULTS, "attempts")
    }

    /// To the dead letters.
    #[must_use]
    pub fn dead() -> Self {
        Self::new(exchange::DEAD, "")
    }

    /// To what a publisher got wrong.
    #[must_use]
    pub fn rejected() -> Self {
        Self::new(exchange::REJECTED, "")
    }

    /// To be tried once more, alone.
    #[must_use]
    pub fn quarantine(lane: Lane) -> Self {
        Self::new(exchange::QUARANTINE, lane.name())
    }

    /// The exchange.
    #[must_use]
    pub const fn exchange(&self) -> &'static str {
        self.exchange
    }

    /// The exchange and the routing key without what there are many of: by it spans are named.
    #[must_use]
    pub fn template(&self) -> &'static str {
        match self.exchange {
            exchange::EVENTS => "posthaste.events:{lane}.{shard}",
            exchange::DISPATCH => "posthaste.dispatch:{lane}.{shard}",
            exchange::RETRY => "posthaste.retry:{tier}.{shard}",
            exchange::RESULTS => "posthaste.results:attempts",
            other => other,
        }
    }

    /// The routing key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.exchange, self.key)
    }
}
