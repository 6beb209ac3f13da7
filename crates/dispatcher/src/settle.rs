//! What follows an attempt, or the decision not to make one: the next step and the report, both
//! confirmed before anything is acknowledged.

use std::time::Duration;

use broker::Cancelled;
use domain::delivery::{Delivered, Settled};
use domain::dispatch::{Custody, Dispatch};
use domain::report::{AttemptReport, Report, Standing};
use domain::trace::{SpanId, TraceContext};
use time::OffsetDateTime;

use crate::dispatcher::{Dispatcher, Item};
use crate::lane::Lane;

impl Dispatcher {
    /// Publishes the next step and then the report, after an attempt that was made in this span.
    /// Returns when both are confirmed.
    ///
    /// In this order, so that whoever finds the attempt in the record knows that the delivery goes
    /// on without it.
    pub(crate) async fn settle(
        &self,
        item: &Item,
        dispatch: &Dispatch,
        (settled, made): (Settled, Option<SpanId>),
        attempt: AttemptReport,
    ) -> Result<(), Cancelled> {
        let now = OffsetDateTime::now_utc();
        let report = report(dispatch, standing(settled, now), Some(attempt), now);
        match settled {
            Settled::Delivered(Delivered { .. }) => {}
            Settled::Waiting(waiting) => {
                let next = Dispatch {
                    content: dispatch.content.clone(),
                    due: waiting.due(),
                    wait: waiting.wait,
                    custody: Custody::Sole,
                    overflows: 0,
                    attempt_before: made,
                };
                self.outbox.wait(&next, item.lane).await?;
            }
            Settled::Dead(dead) => {
                let queue = &item.message.queue;
                self.outbox.dead(dispatch, dead.reason, queue).await?;
            }
        }
        self.reports
            .send(report, &dispatch.content.trace, item.lane)
            .await
    }

    /// The endpoint is paused or disabled.
    pub(crate) async fn report_held(
        &self,
        dispatch: &Dispatch,
        lane: Lane,
    ) -> Result<(), Cancelled> {
        let attempt = dispatch.due.hold().attempt;
        self.report(dispatch, lane, Standing::Held { attempt })
            .await
    }

    /// The endpoint was deleted.
    pub(crate) async fn report_cancelled(
        &self,
        dispatch: &Dispatch,
        lane: Lane,
    ) -> Result<(), Cancelled> {
        let attempt = dispatch.due.cancel().attempt;
        self.report(dispatch, lane, Standing::Cancelled { attempt })
            .await
    }

    /// The attempt was put off for so long.
    pub(crate) async fn report_put_off(
        &self,
        dispatch: &Dispatch,
        lane: Lane,
        wait: Duration,
    ) -> Result<(), Cancelled> {
        let settled = Settled::Waiting(dispatch.due.put_off(wait));
        let standing = standing(settled, OffsetDateTime::now_utc());
        self.report(dispatch, lane, standing).await
    }

    async fn report(
        &self,
        dispatch: &Dispatch,
        lane: Lane,
        standing: Standing,
    ) -> Result<(), Cancelled> {
        let report = report(dispatch, standing, None, OffsetDateTime::now_utc());
        self.reports
            .send(report, &dispatch.content.trace, lane)
            .await
    }
}

fn report(
    dispatch: &Dispatch,
    standing: Standing,
    attempt: Option<AttemptReport>,
    at: OffsetDateTime,
) -> Report {
    let content = &dispatch.content;
    Report {
        delivery: dispatch.due.delivery,
        event: content.event,
        event_type: content.event_type.clone(),
        tenant: content.tenant,
        accepted_at: content.accepted_at,
        standing,
        attempt,
        at,
        trace: TraceContext::default(),
    }
}

fn standing(settled: Settled, now: OffsetDateTime) -> Standing {
    match settled {
        Settled::Delivered(Delivered { attempt, .. }) => Standing::Delivered { attempt },
        Settled::Waiting(waiting) => Standing::Waiting {
            attempt: waiting.attempt,
            // No policy reaches the end of time; if one did, the record would just say so.
            next_attempt_at: now.saturating_add(
                waiting
                    .wait
                    .total()
                    .try_into()
                    .unwrap_or(time::Duration::MAX),
            ),
        },
        Settled::Dead(dead) => Standing::Dead {
            attempt: dead.attempt,
            reason: dead.reason,
        },
    }
}
