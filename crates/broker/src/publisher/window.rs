//! The confirms that a channel has outstanding.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::BoxFuture;
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation, ConnectionStatus};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

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

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is stored.
    Confirmed,
    /// It came back: no queue was bound for it.
    Unroutable,
    /// A queue refused it.
    Refused,
    /// Nobody knows.
    Lost,
}

/// A channel's outstanding confirms, oldest first.
///
/// The library hands a message that the broker returned to whichever confirm it completes next,
/// and it completes those of one `multiple` acknowledgement in no order. So an unroutable message
/// can look confirmed, and its neighbour unroutable. Each message therefore carries a tag, by which
/// a returned one is known; and a confirm counts only after one more look at all the others: what
/// took its returned message was completed before it, so that look finds it.
pub(super) struct Window {
    channel: Channel,
    limit: usize,
    connection: ConnectionStatus,
    outstanding: VecDeque<Flight>,
    next_tag: u64,
    progress: Instant,
}

struct Flight {
    tag: u64,
    stage: Stage,
    returned: bool,
    reply: oneshot::Sender<Verdict>,
}

enum Stage {
    Waiting(BoxFuture<'static, lapin::Result<Confirmation>>),
    /// Completed; all that was completed before it has yet to be looked at.
    Fresh(Verdict),
    Settled(Verdict),
}

impl Window {
    pub(super) fn new(channel: Channel, limit: usize, connection: ConnectionStatus) -> Self {
        Self {
            channel,
            limit,
            connection,
            outstanding: VecDeque::with_capacity(limit),
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
                () = poll_fn(|cx| self.poll_confirms(cx)) => self.progress = Instant::now(),
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
        self.outstanding.push_back(Flight {
            tag,
            stage: Stage::Waiting(confirm.boxed()),
            returned: false,
            reply: job.reply,
        });
    }

    /// Ready when there was anything new; then it wants to be called again.
    fn poll_confirms(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut news = false;
        let mut returned = Vec::new();
        for flight in &mut self.outstanding {
            match &mut flight.stage {
                Stage::Waiting(confirm) => {
                    if let Poll::Ready(confirmed) = confirm.poll_unpin(cx) {
                        let (verdict, other) = judge(flight.tag, confirmed);
                        flight.stage = Stage::Fresh(verdict);
                        returned.extend(other);
                        news = true;
                    }
                }
                Stage::Fresh(verdict) => {
                    flight.stage = Stage::Settled(*verdict);
                    news = true;
                }
                Stage::Settled(_) => {}
            }
        }
        for tag in returned {
            if let Ok(at) = self
                .outstanding
                .binary_search_by_key(&tag, |flight| flight.tag)
            {
                self.outstanding[at].returned = true;
            }
        }
        if !news {
            return Poll::Pending;
        }
        self.answer();
        Poll::Ready(())
    }

    fn answer(&mut self) {
        let (settled, outstanding) = std::mem::take(&mut self.outstanding)
            .into_iter()
            .partition::<VecDeque<_>, _>(|flight| matches!(flight.stage, Stage::Settled(_)));
        self.outstanding = outstanding;
        for flight in settled {
            let verdict = match flight.stage {
                _ if flight.returned => Verdict::Unroutable,
                Stage::Settled(verdict) => verdict,
                Stage::Waiting(_) | Stage::Fresh(_) => Verdict::Lost,
            };
            // Nobody may be waiting any more.
            let _ = flight.reply.send(verdict);
        }
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

/// What a confirm says about the message of this tag, and the tag of a returned message that came
/// with it.
fn judge(tag: u64, confirmed: lapin::Result<Confirmation>) -> (Verdict, Option<u64>) {
    match confirmed {
        Ok(Confirmation::Ack(None)) => (Verdict::Confirmed, None),
        Ok(Confirmation::Ack(Some(message))) => match properties::tag(&message.properties) {
            Some(returned) if returned == tag => (Verdict::Unroutable, None),
            // Its own returned message may be with yet another confirm.
            returned => (Verdict::Lost, returned),
        },
        Ok(Confirmation::Nack(None)) => (Verdict::Refused, None),
        Ok(Confirmation::Nack(Some(message))) => {
            (Verdict::Refused, properties::tag(&message.properties))
        }
        Ok(Confirmation::NotRequested) | Err(_) => (Verdict::Lost, None),
    }
}
