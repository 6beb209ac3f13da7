//! One attempt: sent, judged, settled.

use std::pin::Pin;
use std::time::Duration;

use broker::Cancelled;
use domain::delivery::Due;
use domain::dispatch::Dispatch;
use domain::limits;
use domain::outcome::{self, Outcome};
use domain::report::AttemptReport;
use domain::retry::Jitter;
use futures::future::{Either, select};
use service::trace::Hop;
use time::OffsetDateTime;
use tokio::time::timeout;

use crate::admission::Admitted;
use crate::directory::Target;
use crate::dispatcher::{Dispatcher, End, Item, Keeping, since_accepted};
use crate::egress::Attempted;
use crate::lane::Lane;
use crate::metrics::PutOff;
use crate::request::Body;
use crate::telemetry;

impl Dispatcher {
    /// Makes the attempt, and returns when what follows it is confirmed.
    pub(crate) async fn attempt(
        &self,
        item: &Item,
        dispatch: &Dispatch,
        admitted: Admitted,
        keeping: Keeping<'_>,
    ) -> Result<End, Cancelled> {
        let Admitted {
            target,
            data,
            pass,
            mut seat,
        } = admitted;
        let hop = telemetry::attempting(&item.hop, dispatch, &target);
        let started_at = OffsetDateTime::now_utc();
        let attempted = {
            let _in_flight = self.metrics.begin();
            let body = Body {
                shared: &item.bodies,
                data: &data,
            };
            let sending = self.send(&target, dispatch, body, started_at, &hop);
            // On the heap: thousands of deliveries may wait for their turn, and only what is being
            // sent needs the room.
            let sending = Box::pin(sending);
            let deadline = target.endpoint.timeout;
            let hand_over = async || {
                seat.takes_long();
                self.hand_over(item, dispatch, deadline, keeping).await
            };
            patiently(item.lane, sending, hand_over).await?
        };
        let outcome = outcome::classify(attempted.observed);
        pass.learn(outcome, target.endpoint.retry.cap(), jitter());
        // Their places are for sending, not for settling.
        drop((pass, seat));

        let due = dispatch.due;
        let settled = due.settle(outcome, &target.endpoint.retry, jitter());
        self.metrics
            .ended(outcome, attempted.observed, attempted.duration);
        if outcome == Outcome::Delivered {
            self.metrics.arrived(since_accepted(dispatch), item.lane);
        }
        let made = hop.id();
        telemetry::attempt_finished(hop, dispatch, &attempted, outcome, settled);
        let report = attempt_report(due, started_at, attempted);
        self.settle(item, dispatch, (settled, made), report).await?;
        Ok(End::Settled)
    }

    async fn send(
        &self,
        target: &Target,
        dispatch: &Dispatch,
        body: Body<'_>,
        now: OffsetDateTime,
        hop: &Hop,
    ) -> Attempted {
        let content = &dispatch.content;
        let own = hop.context();
        let traceparent = &own.as_ref().unwrap_or(&content.trace).traceparent;
        let request = self.requests.build(target, content, body, now, traceparent);
        let endpoint = &target.endpoint;
        self.egress
            .post(&endpoint.url, request, endpoint.timeout)
            .await
    }

    async fn hand_over(
        &self,
        item: &Item,
        dispatch: &Dispatch,
        deadline: Duration,
        keeping: Keeping<'_>,
    ) -> Result<(), Cancelled> {
        self.outbox.copy(dispatch, item.lane, deadline).await?;
        self.metrics.put_off(PutOff::HandedOver);
        keeping.flight.copied();
        if let Some(ticket) = keeping.ticket.take() {
            ticket.done().await;
        }
        Ok(())
    }
}

/// Awaits the attempt. When it takes long, a marked copy of the delivery is left with the broker,
/// so that the message it came in needn't wait for it; at most one copy an attempt.
///
/// This holds for a message with one item as well: it takes a place of its lane's prefetch, and a
/// few endpoints that hang would take them all. In quarantine the message is held, since nothing
/// else is to be taken meanwhile.
async fn patiently(
    lane: Lane,
    mut sending: Pin<Box<impl Future<Output = Attempted>>>,
    hand_over: impl AsyncFnOnce() -> Result<(), Cancelled>,
) -> Result<Attempted, Cancelled> {
    if lane == Lane::Quarantine {
        return Ok(sending.await);
    }
    if let Ok(attempted) = timeout(limits::PATIENCE, &mut sending).await {
        return Ok(attempted);
    }
    match select(sending, Box::pin(hand_over())).await {
        // A copy that was just being published comes back, and is found to be settled.
        Either::Left((attempted, _)) => Ok(attempted),
        Either::Right((handed_over, sending)) => {
            handed_over?;
            Ok(sending.await)
        }
    }
}

fn attempt_report(due: Due, started_at: OffsetDateTime, attempted: Attempted) -> AttemptReport {
    AttemptReport {
        number: due.attempt,
        started_at,
        duration: attempted.duration,
        observed: attempted.observed,
        answer: attempted.answer,
        extent: attempted.extent,
    }
}

pub(crate) fn jitter() -> Jitter {
    Jitter::new(rand::random())
}
