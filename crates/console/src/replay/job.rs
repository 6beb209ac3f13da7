//! One replay at work: step by step, each on record before it is published.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use broker::{Cancelled, Outgoing};
use domain::attempt::Trigger;
use domain::delivery::Delivery;
use domain::dispatch::{Content, Custody, Dispatch};
use domain::id::{DeliveryId, EventId, ReplayId};
use domain::replay::State;
use domain::tier::Wait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use store::StoreError;
use store::replays::Replay;
use store::replays::select::Step;
use store::replays::step::{Again, Moved, Stride};
use store::replays::work::{Hand, LEASE, Worker};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until};

use super::Engine;
use super::pace::Pace;
use super::selection::{Selection, Wanted};
use crate::retry_lane::together_on_retry_lane;

/// How many steps a second a replay makes, as long as one delivery is enough for each.
const STEPS_A_SECOND: u16 = 4;

/// The shortest nap between two messages: what is due in between goes together, since a message
/// costs the broker and its disk about the same however many deliveries are in it.
const NAP: Duration = Duration::from_millis(20);

/// How long until the record is asked again after it did not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A replay that is ours to work on.
pub(super) struct Job {
    engine: Engine,
    worker: Worker,
    replay: Replay,
    selection: Selection,
    pace: Pace,
}

/// Why a replay is no longer worked on here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// All of it is published, or somebody paused or cancelled it.
    Done,
    /// Somebody else works on it.
    Lost,
    /// The process is to stop. What was in hand is published.
    Stopping,
    /// The process stops at once, or the record's answer was lost. What is in hand may not be
    /// published.
    Aborted,
}

impl Job {
    pub(super) fn new(engine: Engine, worker: Worker, replay: Replay) -> Self {
        Self {
            selection: Selection::of(&engine.store, &replay.made),
            pace: Pace::new(replay.made.rate, Instant::now()),
            engine,
            worker,
            replay,
        }
    }

    /// Works on the replay until there is nothing more to do for it here.
    pub(super) async fn run(mut self) {
        let id = self.id();
        tracing::info!(replay.id = %id, "a replay is taken up");
        let ended = match self.work().await {
            Ok(ended) | Err(ended) => ended,
        };
        tracing::info!(replay.id = %id, ?ended, "a replay is left");
        let hand = match ended {
            Ended::Done | Ended::Lost => return,
            Ended::Stopping => Hand::Published,
            Ended::Aborted => Hand::Unknown,
        };
        let back = self.engine.store.give_replay_back(self.worker, id, hand);
        if let Err(error) = back.await {
            tracing::debug!(replay.id = %id, %error, "a replay's lease runs out by itself");
        }
    }

    async fn work(&mut self) -> Result<Ended, Ended> {
        let id = self.id();
        let left = self
            .answered(|| self.engine.store.replay_in_hand(id))
            .await?;
        self.publish(left).await?;
        let mut after = self.replay.cursor;
        loop {
            if self.engine.life.stop().is_cancelled() {
                return Ok(Ended::Stopping);
            }
            let Step { found, next } = self.next(after).await?;
            let cursor = next.unwrap_or_else(|| self.selection.end());
            let stride = self.stride(&found, cursor).await?;
            let publish = match self.record(&stride).await? {
                Moved::On { publish, rate } => {
                    self.pace.keep(rate, Instant::now());
                    self.replay.made.rate = rate;
                    publish
                }
                Moved::Stopped => return Ok(Ended::Done),
                Moved::Lost => return Err(Ended::Lost),
            };
            self.publish(these(stride.again, &publish)).await?;
            after = cursor;
            if next.is_none() {
                return self.finish().await;
            }
        }
    }

    async fn next(&self, after: store::Cursor) -> Result<Step<Wanted>, Ended> {
        let most = self.most();
        self.answered(|| self.selection.step(after, most)).await
    }

    /// What is wanted as deliveries, with what they carry. An event that is no longer on record
    /// can't be delivered.
    async fn stride(&self, wanted: &[Wanted], cursor: store::Cursor) -> Result<Stride, Ended> {
        let events: Vec<_> = wanted.iter().map(|one| (one.event, one.day)).collect();
        let contents = if events.is_empty() {
            Vec::new()
        } else {
            self.answered(|| self.engine.store.contents(&events))
                .await?
        };
        let contents: HashMap<EventId, Content> =
            contents.into_iter().map(|one| (one.event, one)).collect();
        let again: Vec<Again> = wanted
            .iter()
            .filter_map(|one| {
                Some(Again {
                    delivery: self.delivery(one),
                    content: contents.get(&one.event)?.clone(),
                    letter: one.letter,
                })
            })
            .collect();
        Ok(Stride {
            skipped: u64::try_from(wanted.len() - again.len()).unwrap_or(u64::MAX),
            again,
            cursor,
            at: OffsetDateTime::now_utc(),
        })
    }

    fn delivery(&self, wanted: &Wanted) -> Delivery {
        let id = match wanted.original {
            Some(original) => DeliveryId::repeated(self.id(), original),
            // The first on its way: whoever makes it again names the same one.
            None => DeliveryId::first(wanted.event, wanted.endpoint),
        };
        Delivery {
            id,
            endpoint: wanted.endpoint,
            trigger: Trigger::Replay,
            replay_of: wanted.original,
        }
    }

    /// Asked once: a commit whose answer was lost may have been one, and then the step is in hand.
    /// Whoever takes the replay up again finds it there.
    async fn record(&self, stride: &Stride) -> Result<Moved, Ended> {
        let (store, id) = (&self.engine.store, self.id());
        let moved = store.move_replay(self.worker, id, stride).await;
        moved.map_err(|error| {
            self.log_waiting(&error);
            Ended::Aborted
        })
    }

    async fn finish(&self) -> Result<Ended, Ended> {
        let (store, worker, id) = (&self.engine.store, self.worker, self.id());
        let ended = self.answered(|| store.finish_replay(worker, id)).await?;
        let Some(ended) = ended else {
            return Err(Ended::Lost);
        };
        if ended.state == State::Finished {
            tracing::info!(
                replay.id = %id,
                published = ended.published,
                skipped = ended.skipped,
                "a replay is finished"
            );
        }
        Ok(Ended::Done)
    }

    /// Publishes deliveries as they become due. Returns when the broker has confirmed all.
    async fn publish(&mut self, again: Vec<Again>) -> Result<(), Ended> {
        let deliveries = u64::try_from(again.len()).expect("a step has a bound");
        let mut rest = again.into_iter();
        let mut unconfirmed = FuturesUnordered::new();
        let mut keep = Instant::now() + LEASE / 3;
        loop {
            let now = Instant::now();
            let due = if rest.len() > 0 {
                self.pace.due(now)
            } else {
                0
            };
            let dispatches: Vec<_> = rest.by_ref().take(due).map(dispatch).collect();
            self.pace.went(dispatches.len());
            for message in together_on_retry_lane(dispatches, self.engine.shards) {
                unconfirmed.push(self.send(message));
            }
            if rest.len() == 0 && unconfirmed.is_empty() {
                self.engine.metrics.replayed.add(deliveries, &[]);
                return Ok(());
            }
            let wake = self.pace.next().max(now + NAP);
            tokio::select! {
                Some(confirmed) = unconfirmed.next() => {
                    confirmed.map_err(|Cancelled| Ended::Aborted)?;
                }
                () = sleep_until(wake), if rest.len() > 0 => {}
                () = sleep_until(keep) => {
                    self.keep().await?;
                    keep = Instant::now() + LEASE / 3;
                }
            }
        }
    }

    fn send(&self, message: Outgoing) -> impl Future<Output = Result<(), Cancelled>> + use<> {
        let (publisher, abort) = (
            self.engine.publisher.clone(),
            self.engine.life.abort().clone(),
        );
        async move { publisher.publish_until_confirmed(message, &abort).await }
    }

    /// The broker makes us wait: the replay stays ours meanwhile.
    async fn keep(&self) -> Result<(), Ended> {
        match self.engine.store.keep_replay(self.worker, self.id()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Ended::Lost),
            Err(error) => {
                // Nobody else can take it while the record is away.
                tracing::debug!(%error, "a replay's lease was not renewed");
                Ok(())
            }
        }
    }

    /// What the record answers, asked until it does.
    async fn answered<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Ended>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            let error = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            self.log_waiting(&error);
            let stop = self.engine.life.stop();
            let wait = stop.run_until_cancelled(tokio::time::sleep(ASK_AGAIN));
            wait.await.ok_or(Ended::Aborted)?;
        }
    }

    fn log_waiting(&self, error: &StoreError) {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            replay.id = %self.id(),
            "a replay waits for the record"
        );
    }

    /// How many deliveries a step makes: a fraction of a second's.
    fn most(&self) -> u16 {
        self.replay.made.rate.per_second().div_ceil(STEPS_A_SECOND)
    }

    fn id(&self) -> ReplayId {
        self.replay.made.id
    }
}

fn dispatch(again: Again) -> Dispatch {
    Dispatch {
        due: again.due(),
        content: again.content.into(),
        wait: Wait::NONE,
        custody: Custody::Sole,
        overflows: 0,
        attempt_before: None,
    }
}

/// Those of a step that are to be published.
fn these(mut again: Vec<Again>, publish: &[DeliveryId]) -> Vec<Again> {
    let publish: HashSet<_> = publish.iter().copied().collect();
    again.retain(|one| publish.contains(&one.delivery.id));
    again
}
