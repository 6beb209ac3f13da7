//! The record's part in a batch: the newest subscriptions, and what it says of each event.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::Arc;

use domain::dispatch::Custody;
use domain::event::Event;
use service::Latch;
use store::directory::Epoch;
use store::events::{Fingerprint, NewEvent, Recorded, Verdict};
use store::{Live, Remedy, Store, StoreError, SubscriptionDirectory};
use time::Date;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::interrupted::Interrupted;
use crate::metrics::Metrics;
use service::patience::Patience;

/// How often in a row partitions are made for the same events before they are taken for events
/// that no partition is made for.
const PARTITIONS_MADE: u8 = 3;

/// Asks the record, and waits for it where it is away.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) store: Store,
    pub(crate) subscriptions: Live<SubscriptionDirectory>,
    /// One transaction at a time: batches of one queue would wait for each other's rows anyway.
    pub(crate) turn: Mutex<()>,
    /// Says whether the record answers.
    pub(crate) latch: Latch,
    /// Cancelled when the record is no longer waited for.
    pub(crate) stop: CancellationToken,
    pub(crate) metrics: Metrics,
}

/// Subscriptions, and the state of the directory that they are.
type Subscriptions = (Epoch, Arc<SubscriptionDirectory>);

/// What came of a portion of events.
#[derive(Debug, Default)]
pub(crate) struct Portion {
    /// Those to be published, with the endpoints that the record has for them, and whether that may
    /// have been done before.
    pub(crate) fanned: Vec<(NewEvent, Custody)>,
    /// Those that the record can't hold, each with the reason.
    pub(crate) refused: Vec<(Event, StoreError)>,
    /// Those that are not recorded, since the subscriptions have changed since they were matched.
    pub(crate) outdated: Vec<NewEvent>,
}

impl Recording {
    /// The subscriptions that are known, and the epoch of the directory that they are of. They may
    /// have changed since: [`Recording::record`] looks.
    pub(crate) async fn subscriptions(&self) -> Result<Subscriptions, Interrupted> {
        match self.subscriptions.known() {
            Some(known) => Ok(known),
            None => self.newest().await,
        }
    }

    /// The subscriptions as they are now.
    pub(crate) async fn newest(&self) -> Result<Subscriptions, Interrupted> {
        let mut patience = Patience::new(&self.latch, &self.stop);
        loop {
            match self.subscriptions.newest().await {
                Ok(newest) => {
                    patience.rewarded();
                    return Ok(newest);
                }
                Err(error) => patience.wait(&error).await?,
            }
        }
    }

    /// Records events, if the subscriptions are still those that they were matched with, at
    /// `epoch`; without one, whatever has changed. Events that the record refuses are tried one by
    /// one, so that one of them doesn't take its neighbours with it.
    pub(crate) async fn record(
        &self,
        portion: Vec<NewEvent>,
        epoch: Option<Epoch>,
    ) -> Result<Portion, Interrupted> {
        let _turn = self.turn.lock().await;
        let mut recorded = Portion::default();
        match self.commit(&portion, epoch).await? {
            Ok(answer) => self.take_in(&mut recorded, portion, answer),
            Err(_) => {
                for new in portion {
                    match self.commit(std::slice::from_ref(&new), epoch).await? {
                        Ok(answer) => self.take_in(&mut recorded, vec![new], answer),
                        Err(error) => recorded.refused.push((new.event, error)),
                    }
                }
            }
        }
        Ok(recorded)
    }

    /// One transaction, tried until the record has it or refuses it.
    async fn commit(
        &self,
        events: &[NewEvent],
        epoch: Option<Epoch>,
    ) -> Result<Result<Recorded, StoreError>, Interrupted> {
        let mut patience = Patience::new(&self.latch, &self.stop);
        let mut made = 0;
        loop {
            let error = match self.store.record_if(events, epoch).await {
                Ok(answer) => {
                    patience.rewarded();
                    return Ok(Ok(answer));
                }
                Err(error) => error,
            };
            match error.remedy() {
                Remedy::Wait => patience.wait(&error).await?,
                Remedy::MakePartitions if made < PARTITIONS_MADE => {
                    made += 1;
                    let making = self.store.ensure_partitions_for(&days(events)).await;
                    if let Err(error) = making {
                        patience.wait(&error).await?;
                    }
                }
                Remedy::MakePartitions | Remedy::PutAside => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        source = error.source(),
                        events = events.len(),
                        "the record refuses events"
                    );
                    return Ok(Err(error));
                }
            }
        }
    }

    fn take_in(&self, recorded: &mut Portion, portion: Vec<NewEvent>, answer: Recorded) {
        let verdicts = match answer {
            Recorded::Yes(verdicts) => verdicts,
            Recorded::Moved => return recorded.outdated.extend(portion),
        };
        for (new, verdict) in portion.into_iter().zip(verdicts) {
            self.metrics.count_event(&verdict);
            match verdict {
                Verdict::New => recorded.fanned.push((new, Custody::Sole)),
                Verdict::Redelivered { endpoints } => {
                    let new = NewEvent { endpoints, ..new };
                    recorded.fanned.push((new, Custody::Repeated));
                }
                Verdict::Repeat {
                    fingerprint: Fingerprint::Same,
                } => {}
                Verdict::Repeat {
                    fingerprint: Fingerprint::Different,
                } => tracing::warn!(
                    event.id = %new.event.id,
                    tenant.id = %new.event.tenant,
                    event.r#type = %new.event.event_type,
                    "the publisher's key came again with another event, dropped"
                ),
            }
        }
    }
}

fn days(events: &[NewEvent]) -> Vec<Date> {
    let days: BTreeSet<Date> = events
        .iter()
        .map(|new| new.event.accepted_at.to_utc().date())
        .collect();
    days.into_iter().collect()
}
