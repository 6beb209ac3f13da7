//! What a queue is declared with.

use std::time::Duration;

/// The arguments of a quorum queue that refuses what it can't hold.
///
/// Dead-lettering at least once works only in a queue that rejects publishes when full: with any
/// other overflow the broker falls back to at-most-once and says nothing. So `reject-publish` is
/// part of every value of this type, and [`DeadLetter`] has no other strategy.
/// (<https://www.rabbitmq.com/docs/quorum-queues#dead-lettering>)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    dead_letter: Option<DeadLetter>,
    ttl: Option<Duration>,
    max_length: Option<u32>,
}

/// Where a queue sends what expires or comes back too often, at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    exchange: &'static str,
    delivery_limit: Option<u32>,
}

impl DeadLetter {
    /// To this exchange, when it expires, with the routing key that it was published with.
    #[must_use]
    pub const fn on_expiry(exchange: &'static str) -> Self {
        Self {
            exchange,
            delivery_limit: None,
        }
    }

    /// To this exchange, when it has come back to the queue more than `returns` times.
    #[must_use]
    pub const fn after_returns(exchange: &'static str, returns: u32) -> Self {
        Self {
            exchange,
            delivery_limit: Some(returns),
        }
    }
}

/// From RabbitMQ 4.0 on a queue without a delivery limit has one of 20, and what exceeds it where
/// there is nothing to dead-letter to is dropped. "Unlimited" (-1) is refused by 3.x; so many
/// returns never happen.
const NEVER: u32 = 1_000_000;

/// The value of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentValue {
    /// A word.
    Text(&'static str),
    /// A number.
    Number(i64),
}

impl Arguments {
    /// A queue where messages stay until they are consumed.
    #[must_use]
    pub const fn keep() -> Self {
        Self {
            dead_letter: None,
            ttl: None,
            max_length: None,
        }
    }

    /// A queue that dead-letters at least once.
    #[must_use]
    pub const fn at_least_once(dead_letter: DeadLetter) -> Self {
        Self {
            dead_letter: Some(dead_letter),
            ttl: None,
            max_length: None,
        }
    }

    /// A queue that passes everything on after `delay` (whole milliseconds).
    #[must_use]
    pub const fn delay(delay: Duration, then: &'static str) -> Self {
        Self {
            dead_letter: Some(DeadLetter::on_expiry(then)),
            ttl: Some(delay),
            max_length: None,
        }
    }

    /// The same, holding about this many messages at most.
    #[must_use]
    pub const fn max_length(mut self, messages: u32) -> Self {
        self.max_length = Some(messages);
        self
    }

    /// The exchange that gets the dead letters.
    #[must_use]
    pub fn dead_letter_exchange(&self) -> Option<&'static str> {
        self.dead_letter.as_ref().map(|to| to.exchange)
    }

    /// How long a message stays.
    #[must_use]
    pub const fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    /// The arguments as the broker knows them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, ArgumentValue)> {
        use ArgumentValue::{Number, Text};
        let dead_letter = self.dead_letter.as_ref();
        let returns = match dead_letter {
            Some(to) => to.delivery_limit,
            None => Some(NEVER),
        };
        let ttl_ms = self
            .ttl
            .map(|ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        [
            Some(("x-queue-type", Text("quorum"))),
            Some(("x-overflow", Text("reject-publish"))),
            dead_letter.map(|_| ("x-dead-letter-strategy", Text("at-least-once"))),
            dead_letter.map(|to| ("x-dead-letter-exchange", Text(to.exchange))),
            returns.map(|returns| ("x-delivery-limit", Number(i64::from(returns)))),
            ttl_ms.map(|ms| ("x-message-ttl", Number(ms))),
            self.max_length
                .map(|messages| ("x-max-length", Number(i64::from(messages)))),
        ]
        .into_iter()
        .flatten()
    }
}
