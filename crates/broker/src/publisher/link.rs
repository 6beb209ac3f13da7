//! Keeps a publisher's connection alive.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection, Event};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use super::window::{Job, Window};
use crate::backoff::Backoff;
use crate::broker::Broker;
use crate::connection::ConnectError;

/// How often the connection's state is looked at, beside the events that tell of changes.
const LOOK: Duration = Duration::from_secs(1);

/// What can be done with the connection.
#[derive(Clone)]
pub(super) enum Link {
    /// There is none.
    Down,
    /// The broker takes no messages: an alarm for its memory or disk.
    Blocked,
    /// These channels take messages.
    Up(Channels),
}

pub(super) type Channels = Arc<[mpsc::Sender<Job>]>;

pub(super) struct Keeper {
    pub(super) broker: Broker,
    pub(super) purpose: String,
    pub(super) channels: usize,
    pub(super) window: usize,
    pub(super) state: watch::Sender<Link>,
}

impl Keeper {
    pub(super) async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.keep()).await;
        self.state.send_replace(Link::Down);
    }

    async fn keep(&self) {
        let mut backoff = Backoff::new();
        loop {
            match self.connect().await {
                Ok((connection, channels)) => {
                    backoff = Backoff::new();
                    tracing::info!(connection = %self.purpose, "connected to the broker");
                    let why = self.serve(&connection, channels).await;
                    tracing::warn!(connection = %self.purpose, why, "lost the broker");
                    self.broker.metrics().lost("publish");
                }
                Err(error) => {
                    tracing::warn!(connection = %self.purpose, %error, "can't reach the broker");
                }
            }
            self.state.send_replace(Link::Down);
            tokio::time::sleep(backoff.wait()).await;
        }
    }

    async fn connect(&self) -> Result<(Connection, Vec<Channel>), ConnectError> {
        let endpoint = self.broker.endpoint();
        let connection = endpoint.connect(&self.purpose).await?;
        let limit = endpoint.timeout;
        let open = async {
            let mut channels = Vec::with_capacity(self.channels);
            for _ in 0..self.channels {
                let channel = connection.create_channel().await?;
                channel
                    .confirm_select(ConfirmSelectOptions::default())
                    .await?;
                channels.push(channel);
            }
            Ok::<_, lapin::Error>(channels)
        };
        let opened = timeout(limit, open).await;
        let channels = opened.map_err(|_| ConnectError::Timeout(limit))??;
        Ok((connection, channels))
    }

    /// Takes messages until anything is wrong with the connection, and says what.
    async fn serve(&self, connection: &Connection, channels: Vec<Channel>) -> &'static str {
        let mut events = std::pin::pin!(connection.events_listener());
        // Dropped with this function, and with them every message whose confirm is outstanding.
        let mut windows = JoinSet::new();
        let senders: Channels = channels
            .into_iter()
            .map(|channel| {
                let (jobs, queue) = mpsc::channel(1);
                let window = Window::new(channel, self.window, connection.status().clone());
                windows.spawn(window.run(queue));
                jobs
            })
            .collect();

        let mut look = interval(LOOK);
        loop {
            tokio::select! {
                _ = windows.join_next() => return "a channel has ended",
                event = events.next() => match event {
                    Some(Event::Error(_)) | None => return "the connection failed",
                    Some(_) => {}
                },
                _ = look.tick() => {}
            }
            let status = connection.status();
            if !status.connected() {
                return "the connection was closed";
            }
            let blocked = status.blocked();
            self.state.send_if_modified(|link| {
                let next = match (&*link, blocked) {
                    (Link::Down | Link::Blocked, false) => Link::Up(Arc::clone(&senders)),
                    (Link::Down | Link::Up(_), true) => Link::Blocked,
                    (Link::Blocked, true) | (Link::Up(_), false) => return false,
                };
                *link = next;
                true
            });
        }
    }
}
