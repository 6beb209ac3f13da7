//! Which exchanges, queues and bindings exist: pure data, made by one function.
//!
//! A queue's arguments can never be changed, so whatever tells two queues apart (a delay, a shard)
//! stands in the name.

pub mod arguments;
pub mod queue;
pub mod route;

mod definitions;
mod plan;
mod table;

#[cfg(test)]
mod tests;

pub use arguments::{Arguments, DeadLetter};
pub use queue::Lane;
pub use route::Route;

use domain::shard::Shards;

/// The names of the exchanges.
pub mod exchange {
    /// Where platforms publish events (direct).
    pub const INBOX: &str = "posthaste.inbox";
    /// Accepted events, to fan-out (topic).
    pub const EVENTS: &str = "posthaste.events";
    /// Deliveries, to the dispatchers (topic).
    pub const DISPATCH: &str = "posthaste.dispatch";
    /// Deliveries that wait (topic).
    pub const RETRY: &str = "posthaste.retry";
    /// Reports, to the recorder (direct).
    pub const RESULTS: &str = "posthaste.results";
    /// What nobody could work on (fanout).
    pub const DEAD: &str = "posthaste.dead";
    /// What a publisher got wrong (fanout).
    pub const REJECTED: &str = "posthaste.rejected";
    /// Items of a dead-lettered batch, to be tried alone (direct).
    pub const QUARANTINE: &str = "posthaste.quarantine";

    /// Every one.
    pub const ALL: [&str; 8] = [
        INBOX, EVENTS, DISPATCH, RETRY, RESULTS, DEAD, REJECTED, QUARANTINE,
    ];
}

/// Everything that has to exist at the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// The exchanges; all durable.
    pub exchanges: Vec<Exchange>,
    /// The queues; all durable quorum queues.
    pub queues: Vec<Queue>,
    /// Which queue gets what from which exchange.
    pub bindings: Vec<Binding>,
}

/// An exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Its name.
    pub name: &'static str,
    /// How it routes.
    pub kind: ExchangeKind,
    /// The exchange that gets what this one can't route.
    pub alternate: Option<&'static str>,
}

/// How an exchange routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeKind {
    /// To the queues bound with exactly the message's routing key.
    Direct,
    /// To every bound queue.
    Fanout,
    /// To the queues whose binding key, a pattern of words, matches the routing key.
    Topic,
}

impl ExchangeKind {
    /// The name that the broker knows it by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
        }
    }
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// What it is declared with.
    pub arguments: Arguments,
}

/// One rule by which an exchange routes to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The exchange.
    pub exchange: &'static str,
    /// The queue.
    pub queue: String,
    /// The binding key; empty for a fanout.
    pub key: String,
}

impl Topology {
    /// The topology for so many shards.
    #[must_use]
    pub fn new(shards: Shards) -> Self {
        plan::topology(shards)
    }

    /// The same, with every queue refusing messages beyond `messages`.
    ///
    /// The bound is soft: the broker may take a few more. For operators who would rather refuse
    /// than fill a disk, and for tests of full queues.
    #[must_use]
    pub fn with_max_length(mut self, messages: u32) -> Self {
        for queue in &mut self.queues {
            queue.arguments = queue.arguments.clone().max_length(messages);
        }
        self
    }

    /// The topology as RabbitMQ's definitions file, for operators who declare it themselves
    /// (`rabbitmqctl import_definitions`), in the virtual host `vhost`.
    #[must_use]
    pub fn definitions_json(&self, vhost: &str) -> String {
        definitions::json(self, vhost)
    }
}
