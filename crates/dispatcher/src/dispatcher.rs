//! One delivery, from its arrival to where it stands confirmed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use broker::{Cancelled, Delivered};
use domain::attempt::AttemptNumber;
use domain::dispatch::Dispatch;
use domain::tier::{Step, Wait};
use futures::FutureExt;
use service::trace::Hop;
use store::Store;
use time::OffsetDateTime;

use crate::compose::Bodies;
use crate::directory::Directory;
use crate::doubt::Doubt;
use crate::egress::Egress;
use crate::gate::Gates;
use crate::lane::Lane;
use crate::memory::{Entered, Flight, Memory, Seen};
use crate::metrics::Metrics;
use crate::outbox::{Outbox, Poison};
use crate::pace::Pace;
use crate::payloads::Payloads;
use crate::refusal::Answer;
use crate::reports::Reports;
use crate::request::Requests;
use crate::room::Room;
use crate::ticket::Ticket;

/// All that deliveries are made with.
pub(crate) struct Dispatcher {
    pub(crate) directory: Directory,
    pub(crate) payloads: Payloads,
    pub(crate) record: Store,
    pub(crate) memory: Arc<Memory>,
    pub(crate) gates: Arc<Gates>,
    pub(crate) room: Room,
    pub(crate) pace: Pace,
    pub(crate) requests: Requests,
    pub(crate) egress: Egress,
    pub(crate) outbox: Outbox,
    pub(crate) reports: Reports,
    pub(crate) metrics: Metrics,
}

/// A delivery that arrived.
pub(crate) struct Item {
    pub(crate) dispatch: Dispatch,
    /// Shared with the other deliveries of its event in the message.
    pub(crate) bodies: Arc<Bodies>,
    /// The message it came in.
    pub(crate) message: Arc<Delivered>,
    pub(crate) lane: Lane,
    /// Where it may have been made before.
    pub(crate) doubt: Option<Arc<Doubt>>,
    pub(crate) hop: Hop,
}

/// What keeps a delivery safe during its attempt.
pub(crate) struct Keeping<'a> {
    pub(crate) flight: &'a Flight,
    /// Its place in the message it came in, until a copy of it keeps it safe.
    pub(crate) ticket: &'a mut Option<Ticket>,
}

/// Why a delivery is done with, here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Its attempt is settled, and what follows is confirmed.
    Settled,
    /// Its attempt was not made: it is confirmed elsewhere, and will arrive again.
    Elsewhere,
}

impl Dispatcher {
    /// Sees to it that the delivery is made or stands confirmed elsewhere, and then gives up its
    /// ticket.
    pub(crate) async fn deliver(&self, item: Item, ticket: Ticket) {
        let _in_hand = self.metrics.take();
        if item.dispatch.due.attempt == AttemptNumber::FIRST {
            self.metrics
                .waited(since_accepted(&item.dispatch), item.lane);
        }
        let Dispatch { due, custody, .. } = item.dispatch;
        loop {
            match self.memory.enter(due) {
                Entered::Begun(flight) => return self.fly(&item, flight, ticket).await,
                Entered::Settled => return ticket.done().await,
                Entered::UnderWay(watch) => match watch.end(custody).await {
                    Seen::Safe => return ticket.done().await,
                    Seen::NotMade => {}
                },
            }
        }
    }

    /// Works on a delivery that is ours alone. A panic parks this delivery alone.
    async fn fly(&self, item: &Item, flight: Flight, ticket: Ticket) {
        let mut custody = Some(ticket);
        let work = self.work(item, &flight, &mut custody);
        let end = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(end) => end,
            Err(_) => self.park_panicked(item).await,
        };
        match end {
            Ok(End::Settled) => flight.settle(),
            Ok(End::Elsewhere) => drop(flight),
            // Nothing is acknowledged, so it comes again.
            Err(Cancelled) => return,
        }
        if let Some(ticket) = custody {
            ticket.done().await;
        }
    }

    /// `ticket` is taken when the delivery's message need not wait for its attempt any longer.
    async fn work(
        &self,
        item: &Item,
        flight: &Flight,
        ticket: &mut Option<Ticket>,
    ) -> Result<End, Cancelled> {
        let mut dispatch = item.dispatch.clone();
        if let Some(doubt) = &item.doubt {
            // On the heap, since it is rare.
            let asked = Box::pin(doubt.was_settled(&self.record, &dispatch));
            if asked.await {
                return Ok(End::Settled);
            }
        }
        loop {
            match dispatch.wait.step() {
                Step::Go => {}
                Step::Linger(rest) => tokio::time::sleep(rest).await,
                Step::Park(tier, rest) => {
                    self.outbox.park(&dispatch, item.lane, tier, rest).await?;
                    return Ok(End::Elsewhere);
                }
            }
            dispatch.wait = Wait::NONE;
            let refusal = match self.admit(&dispatch, item.lane).await {
                Ok(admitted) => {
                    let keeping = Keeping { flight, ticket };
                    return self.attempt(item, &dispatch, admitted, keeping).await;
                }
                Err(refusal) => refusal,
            };
            match self.refused(item, &dispatch, refusal).await? {
                Answer::End(end) => return Ok(end),
                Answer::Wait(put_off) => dispatch = put_off,
            }
        }
    }

    async fn park_panicked(&self, item: &Item) -> Result<End, Cancelled> {
        tracing::error!(
            delivery.id = %item.dispatch.due.delivery.id,
            attempt = item.dispatch.due.attempt.get(),
            "working on a delivery panicked: it goes to the dead letters"
        );
        self.park_poison(item, Poison::Panicked).await?;
        Ok(End::Settled)
    }

    pub(crate) async fn park_poison(&self, item: &Item, poison: Poison) -> Result<(), Cancelled> {
        let body = wire::dispatch::encode_alone(&item.dispatch);
        let detail = poison.detail();
        self.outbox
            .poison(&item.message, body, poison, detail)
            .await
    }
}

/// How long ago the delivery's event was accepted; zero where the clocks disagree.
pub(crate) fn since_accepted(dispatch: &Dispatch) -> Duration {
    let since = OffsetDateTime::now_utc() - dispatch.content.accepted_at;
    since.try_into().unwrap_or_default()
}
