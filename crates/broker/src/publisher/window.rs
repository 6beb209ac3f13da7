//! One channel that publishes.

use std::future::poll_fn;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation, ConnectionStatus};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::outstanding::{Confirmed, Outstanding, Verdict};
use crate::message::Outgoing;
use crate::properties::{self, short};

/// How long a window with outstanding confirms may see none of them before its connection is
/// given up as half open. Two heartbeats of the default.
const STALL: Duration = Duration::from_secs(30);

/// A message, and who waits for its confirm.
pub(super) struct Job {
    pub(super) message: Outgoing,
    pub(super) reply: oneshot::Sender<Verdict>,
}

/// Publishes over one channel, with a bounded number of outstanding confirms.
///
/// One task polls all publishes in the order of their tags. Were several to publish over the same
/// channel at once, the library's numbers for them and the broker's could differ, and a confirm
/// would be taken for another message's.
pub(super) struct Window {
    channel: Channel,
    limit: usize,
    connection: ConnectionStatus,
    outstanding: Outstanding,
    next_tag: u64,
    progress: Instant,
}

impl Window {
    pub(super) fn new(channel: Channel, limit: usize, connection: ConnectionStatus) -> Self {
        Self {
            channel,
            limit,
            connection,
            outstanding: Outstanding::new(),
            next_tag: 1,
            progress: Instant::now(),
        }
    }

    /// Publishes what comes, until the channel is of no use or nobody can send more.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            let room = self.outstanding.len() < self.limit;
            let stalled_at = self.progress + STALL;
            tokio::select! {
                () = poll_fn(|cx| self.outstanding.poll(cx)) => self.progress = Instant::now(),
                job = jobs.recv(), if room => match job {
                    Some(job) => self.publish(job),
                    None => return,
                },
                () = sleep_until(stalled_at) => {
                    if !self.outstanding.is_empty() && !self.connection.blocked() {
                        return;
                    }
                    self.progress = Instant::now();
                }
            }
            if !self.channel.status().connected() {
                return;
            }
        }
    }

    fn publish(&mut self, job: Job) {
        // Who gave up waiting has reported so: sending it now would only make a duplicate.
        if job.reply.is_closed() {
            return;
        }
        if self.outstanding.is_empty() {
            self.progress = Instant::now();
        }
        let tag = self.next_tag;
        self.next_tag += 1;
        let confirm = publish(self.channel.clone(), job.message, tag);
        let confirm = confirm.map(move |confirmed| judge(tag, confirmed));
        self.outstanding.push(tag, confirm.boxed(), job.reply);
    }
}

async fn publish(channel: Channel, message: Outgoing, tag: u64) -> lapin::Result<Confirmation> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let properties = properties::outgoing(&message, tag, now.unwrap_or_default().as_secs());
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let route = &message.route;
    let (exchange, key) = (short(route.exchange()), short(route.key()));
    channel
        .basic_publish(exchange, key, options, &message.body, properties)
        .await?
        .await
}

/// What a confirm says about the message of this tag.
fn judge(tag: u64, confirmed: lapin::Result<Confirmation>) -> Confirmed {
    let (verdict, message) = match confirmed {
        Ok(Confirmation::Ack(None)) => (Verdict::Confirmed, None),
        // Unless it is the message's own, whether that was returned too isn't known.
        Ok(Confirmation::Ack(message)) => (Verdict::Lost, message),
        Ok(Confirmation::Nack(message)) => (Verdict::Refused, message),
        Ok(Confirmation::NotRequested) | Err(_) => (Verdict::Lost, None),
    };
    let returned = message.and_then(|message| properties::tag(&message.properties));
    let verdict = if returned == Some(tag) {
        Verdict::Unroutable
    } else {
        verdict
    };
    Confirmed { verdict, returned }
}
