//! How many consumers a queue has, asked again and again.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::broker::Broker;
use crate::connection::{ConnectError, channel};
use crate::properties::short;

/// How often it is asked.
const PERIOD: Duration = Duration::from_secs(2);

/// Counts until `stop` is cancelled. While the broker can't be asked, the last count holds.
pub(crate) async fn count(
    broker: Broker,
    queue: String,
    counted: watch::Sender<NonZeroU32>,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new();
    loop {
        let session = follow(&broker, &queue, &counted);
        let Some(Err(error)) = stop.run_until_cancelled(session).await else {
            return;
        };
        tracing::debug!(queue, %error, "the queue's consumers can't be counted");
        let wait = sleep(backoff.wait());
        if stop.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}

/// Counts over one connection, until something goes wrong with it.
async fn follow(
    broker: &Broker,
    queue: &str,
    counted: &watch::Sender<NonZeroU32>,
) -> Result<Infallible, ConnectError> {
    let endpoint = broker.endpoint();
    let connection = endpoint.connect("census").await?;
    let channel = channel(&connection, endpoint.timeout).await?;
    loop {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let asked = channel.queue_declare(short(queue), passive, FieldTable::default());
        let found = timeout(endpoint.timeout, asked).await;
        let found = found.map_err(|_| ConnectError::Timeout(endpoint.timeout))??;
        // Nobody, when ours is not connected either: then nothing is shared.
        let consumers = NonZeroU32::new(found.consumer_count()).unwrap_or(NonZeroU32::MIN);
        counted.send_if_modified(|known| std::mem::replace(known, consumers) != consumers);
        sleep(PERIOD).await;
    }
}
