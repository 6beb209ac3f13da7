//! RabbitMQ: topology, publishing with confirms, consuming that survives reconnects.
//!
//! [`topology`] says which exchanges and queues exist, as data. A [`Broker`] declares them and
//! hands out [`Publisher`]s and [`Consumer`]s; each keeps a connection of its own alive, so an
//! alarm that blocks publishing never blocks an acknowledgement.
//!
//! **Invariant:** a publish that returns `Ok` is on disk in a quorum queue, and a [`Received`]
//! message stays the broker's until it is acknowledged: nothing is lost between the two.
//! **Invariant:** no type of the AMQP library leaves this crate, and the library's own recovery is
//! off: whatever fails, the connection is dropped and everything on it is built again.
//! **Invariant:** the library reads no properties that are not within bounds: `tamed` stands before
//! it on every connection.

pub mod topology;

pub mod message;

mod backoff;
mod broker;
mod census;
mod config;
mod connection;
mod declare;
mod metrics;
mod properties;
mod tamed;

mod consumer;
mod publisher;

pub use broker::{Broker, DepthError, QueueDepth};
pub use config::Config;
pub use connection::UrlError;
pub use consumer::acker::{Acker, ack_all, all_ended};
pub use consumer::received::{Death, Delivered, Received};
pub use consumer::{Consumer, ConsumerOptions};
pub use declare::DeclareError;
pub use message::{HeaderValue, Headers, Outgoing, Properties};
pub use publisher::error::{Cancelled, PublishError};
pub use publisher::{Publisher, PublisherOptions};
