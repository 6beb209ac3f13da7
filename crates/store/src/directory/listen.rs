//! Hearing of changes: a notification tells at once, a poll every few seconds tells in any case.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, Stream};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::{AsyncMessage, NoTls};
use tokio_util::sync::CancellationToken;

use super::live::{Live, Snapshot};
use crate::error::StoreError;

/// How often the epoch is asked for where nothing is notified.
const POLL: Duration = Duration::from_secs(5);

/// The wait before the second try to listen; each further one is twice as long.
const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// The longest wait before another try to listen.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// How long it may take to begin to listen.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How a session of listening ended.
enum Ended {
    /// It was to.
    Stopped,
    /// The connection was lost, after it had listened.
    Lost(StoreError),
}

impl<T: Snapshot> Live<T> {
    /// Keeps the snapshot fresh until `stop` is cancelled, through every outage of the database.
    pub async fn run(self, stop: CancellationToken) {
        let mut backoff = BACKOFF_MIN;
        loop {
            let error = match self.listen(&stop).await {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Lost(error)) => {
                    backoff = BACKOFF_MIN;
                    error
                }
                Err(error) => error,
            };
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                retry_in_ms = backoff.as_millis(),
                "the directory can't be followed: the last good state serves"
            );
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(backoff) => backoff = BACKOFF_MAX.min(backoff * 2),
            }
        }
    }

    /// Listens on a connection of its own, and refreshes at every notification and poll.
    async fn listen(&self, stop: &CancellationToken) -> Result<Ended, StoreError> {
        const LISTEN: &str = "-- directory_listen
            listen posthaste_directory";
        let connect = self.store().server().connect(NoTls);
        let (client, mut connection) = tokio::select! {
            () = stop.cancelled() => return Ok(Ended::Stopped),
            connected = timeout(LISTEN_TIMEOUT, connect) => {
                connected.map_err(StoreError::elapsed)??
            }
        };
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        let listening = async {
            tokio::select! {
                listening = client.batch_execute(LISTEN) => Ok(listening?),
                // A message before it listens is a notice at most; the end is what matters.
                ended = ended(&mut messages) => Err(ended),
            }
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(Ended::Stopped),
            listening = timeout(LISTEN_TIMEOUT, listening) => {
                listening.map_err(StoreError::elapsed)??;
            }
        }
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // The first tick comes at once: for what was notified before we listened.
            tokio::select! {
                () = stop.cancelled() => return Ok(Ended::Stopped),
                _ = poll.tick() => {}
                message = messages.next() => match message {
                    Some(Ok(AsyncMessage::Notification(_))) => {}
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => return Ok(Ended::Lost(error.into())),
                    None => return Ok(Ended::Lost(closed())),
                },
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(Ended::Stopped),
                refreshed = self.refresh() => { refreshed?; }
            }
        }
    }
}

/// Drives the connection until it ends.
async fn ended(
    messages: &mut (impl Stream<Item = Result<AsyncMessage, tokio_postgres::Error>> + Unpin),
) -> StoreError {
    loop {
        match messages.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return error.into(),
            None => return closed(),
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the server closed the connection".into())
}
