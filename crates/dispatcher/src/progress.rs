//! How far the lanes have come: told to the record from time to time, so that it can tell a loss
//! from a backlog.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker::topology::Route;
use broker::{Delivered, Outgoing, Publisher};
use domain::loss::Watermark;
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use wire::{CONTENT_TYPE, MessageType, batch, watermark};

/// How often the record is told.
const TELL: Duration = Duration::from_secs(2);

/// How long nothing must have come, though the broker may send, until a lane counts as empty:
/// longer than a busy broker takes to send on.
const QUIET: Duration = Duration::from_secs(5);

/// How far a lane's queue has been taken, by this dispatcher.
pub(crate) struct Progress {
    queue: String,
    track: Mutex<Track>,
}

impl Progress {
    pub(crate) fn of(queue: &str) -> Arc<Self> {
        Arc::new(Self {
            queue: queue.to_owned(),
            track: Mutex::new(Track::default()),
        })
    }

    /// A message was taken.
    pub(crate) fn took(&self, message: &Delivered) {
        // One that comes back was ahead of those after it, and says nothing about them.
        let queued_at = message.queued_at().filter(|_| !message.redelivered);
        let queued_at = queued_at.and_then(|at| i64::try_from(at).ok());
        let queued_at = queued_at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        self.track().took(queued_at);
    }

    /// Whether there is nothing to take was looked at.
    pub(crate) fn looked(&self, caught_up: CaughtUp) {
        self.track().looked(caught_up, OffsetDateTime::now_utc());
    }

    fn tell(&self, now: OffsetDateTime) -> Option<Watermark> {
        let (passed_at, lag) = self.track().tell(now)?;
        Some(Watermark {
            queue: self.queue.clone(),
            passed_at,
            lag,
            told_at: now,
        })
    }

    /// Every change under the lock is a few assignments: a panic leaves none half done.
    fn track(&self) -> MutexGuard<'_, Track> {
        self.track.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a lane has taken all that its queue held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaughtUp {
    Yes,
    No,
}

/// Tells how far all these lanes have come, every other second until told to stop.
pub(crate) async fn tell(lanes: Vec<Arc<Progress>>, publisher: Publisher, stop: CancellationToken) {
    let mut tells = interval(TELL);
    tells.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tells.tick()).await.is_some() {
        let now = OffsetDateTime::now_utc();
        let told: Vec<_> = lanes.iter().filter_map(|lane| lane.tell(now)).collect();
        if told.is_empty() {
            continue;
        }
        let body = batch::join(told.iter().map(watermark::encode).collect());
        let kind = MessageType::Watermark.as_str();
        let message = Outgoing::new(Route::results(), body, kind, CONTENT_TYPE);
        let published = stop.run_until_cancelled(publisher.publish(message));
        if let Some(Err(error)) = published.await {
            // Later ones say more.
            tracing::debug!(%error, "how far the lanes have come was not told");
        }
    }
}

#[derive(Debug, Default)]
struct Track {
    /// When what was taken last had come into the queue; none once that is told.
    last: Option<OffsetDateTime>,
    /// Since when there has been nothing to take.
    quiet_since: Option<OffsetDateTime>,
}

impl Track {
    fn took(&mut self, queued_at: Option<OffsetDateTime>) {
        self.quiet_since = None;
        self.last = queued_at.or(self.last);
    }

    fn looked(&mut self, caught_up: CaughtUp, now: OffsetDateTime) {
        match caught_up {
            CaughtUp::Yes => {
                self.quiet_since.get_or_insert(now);
            }
            CaughtUp::No => self.quiet_since = None,
        }
    }

    /// Up to when all has been taken, and how long what was taken last had waited; none when there
    /// is nothing new to say.
    fn tell(&mut self, now: OffsetDateTime) -> Option<(OffsetDateTime, Duration)> {
        let last = self.last.take();
        match self.quiet_since {
            Some(since) if now - since >= QUIET => Some((now - QUIET, Duration::ZERO)),
            _ => last.map(|last| (last, (now - last).try_into().unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-11-25 12:00 UTC);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_busy_lane_tells_what_it_took_last_and_only_once() {
        let mut track = Track::default();
        assert_eq!(track.tell(NOON), None);
        track.took(Some(NOON - seconds(90)));
        track.took(None);
        let told = (NOON - seconds(90), seconds(90));
        assert_eq!(track.tell(NOON), Some(told));
        assert_eq!(track.tell(NOON + seconds(2)), None);
    }

    #[test]
    fn a_lane_is_empty_when_nothing_has_come_for_long() {
        let mut track = Track::default();
        track.looked(CaughtUp::Yes, NOON);
        track.looked(CaughtUp::Yes, NOON + seconds(4));
        assert_eq!(track.tell(NOON + seconds(4)), None);
        let told = (NOON + seconds(1), Duration::ZERO);
        assert_eq!(track.tell(NOON + seconds(6)), Some(told));
        // And goes on being so.
        assert!(track.tell(NOON + seconds(8)).is_some());
    }

    #[test]
    fn whatever_interrupts_the_quiet_begins_it_anew() {
        let mut track = Track::default();
        track.looked(CaughtUp::Yes, NOON);
        track.looked(CaughtUp::No, NOON + seconds(3));
        track.looked(CaughtUp::Yes, NOON + seconds(4));
        assert_eq!(track.tell(NOON + seconds(6)), None);
        track.took(Some(NOON + seconds(6)));
        track.looked(CaughtUp::Yes, NOON + seconds(7));
        assert_eq!(
            track.tell(NOON + seconds(10)),
            Some((NOON + seconds(6), seconds(4)))
        );
    }
}
