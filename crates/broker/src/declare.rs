//! Declaring the topology.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ErrorKind};
use thiserror::Error;
use tokio::time::timeout;

use crate::connection::{ConnectError, channel};
use crate::properties::short;
use crate::topology::arguments::ArgumentValue;
use crate::topology::{Arguments, Exchange, ExchangeKind, Topology};

/// Why the topology isn't there.
#[derive(Debug, Error)]
pub enum DeclareError {
    /// An exchange or queue of this name exists with other properties, which can't be changed.
    /// A person has to act.
    #[error(
        "{name} exists with other arguments: let its messages be worked off, delete it, and start \
         again ({reason})"
    )]
    Conflict {
        /// The exchange's or queue's name.
        name: String,
        /// What the broker says about the difference.
        reason: String,
    },
    /// The broker doesn't allow it: the user may not configure this virtual host, or a kind of
    /// queue isn't supported. A person has to act.
    #[error("{name} can't be declared: {reason}")]
    Refused {
        /// The exchange's or queue's name.
        name: String,
        /// What the broker says.
        reason: String,
    },
    /// The broker can't be reached, or doesn't answer in time. Try again.
    #[error("the broker can't be reached: {reason}")]
    Unavailable {
        /// What went wrong.
        reason: String,
    },
}

/// Declares exchanges, queues and bindings, in this order, each within `limit`.
pub(crate) async fn all(
    connection: &Connection,
    topology: &Topology,
    limit: Duration,
) -> Result<(), DeclareError> {
    let channel = channel(connection, limit).await?;
    for exchange in &topology.exchanges {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let (name, kind) = (short(exchange.name), kind(exchange.kind));
        let declare = channel.exchange_declare(name, kind, options, alternate(exchange));
        within(limit, exchange.name, declare).await?;
    }
    for queue in &topology.queues {
        let (name, options) = (short(&queue.name), QueueDeclareOptions::durable());
        let declare = channel.queue_declare(name, options, table(&queue.arguments));
        within(limit, &queue.name, declare).await?;
    }
    for binding in &topology.bindings {
        let (queue, exchange) = (short(&binding.queue), short(binding.exchange));
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        let bind = channel.queue_bind(queue, exchange, short(&binding.key), options, none);
        within(limit, &binding.queue, bind).await?;
    }
    Ok(())
}

async fn within<T>(
    limit: Duration,
    name: &str,
    step: impl Future<Output = lapin::Result<T>>,
) -> Result<(), DeclareError> {
    match timeout(limit, step).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(judge(name, error)),
        Err(_) => Err(ConnectError::Timeout(limit).into()),
    }
}

/// Whether the broker says that a queue or exchange does not exist.
pub(crate) fn is_missing(error: &lapin::Error) -> bool {
    soft(error) == Some(&AMQPSoftError::NOTFOUND)
}

fn soft(error: &lapin::Error) -> Option<&AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => match error.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}

fn judge(name: &str, error: lapin::Error) -> DeclareError {
    let (name, reason) = (name.to_owned(), error.to_string());
    match soft(&error) {
        Some(AMQPSoftError::PRECONDITIONFAILED) => DeclareError::Conflict { name, reason },
        Some(_) => DeclareError::Refused { name, reason },
        None if error.is_amqp_hard_error() => DeclareError::Refused { name, reason },
        None => DeclareError::Unavailable { reason },
    }
}

fn kind(kind: ExchangeKind) -> lapin::ExchangeKind {
    match kind {
        ExchangeKind::Direct => lapin::ExchangeKind::Direct,
        ExchangeKind::Fanout => lapin::ExchangeKind::Fanout,
        ExchangeKind::Topic => lapin::ExchangeKind::Topic,
    }
}

fn alternate(exchange: &Exchange) -> FieldTable {
    let mut table = FieldTable::default();
    if let Some(alternate) = exchange.alternate {
        table.insert(
            "alternate-exchange".into(),
            AMQPValue::LongString(alternate.into()),
        );
    }
    table
}

fn table(arguments: &Arguments) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments.iter() {
        let value = match value {
            ArgumentValue::Text(text) => AMQPValue::LongString(text.into()),
            ArgumentValue::Number(number) => AMQPValue::LongLongInt(number),
        };
        table.insert(name.into(), value);
    }
    table
}

impl From<ConnectError> for DeclareError {
    fn from(error: ConnectError) -> Self {
        Self::Unavailable {
            reason: error.to_string(),
        }
    }
}
