//! Reports on their way to the recorder: what arrived while the last messages were in flight goes
//! into the next one.

use std::sync::Arc;
use std::time::Duration;

use broker::topology::Route;
use broker::{Cancelled, Outgoing, Publisher};
use bytes::Bytes;
use domain::limits;
use domain::report::Report;
use domain::trace::TraceContext;
use futures::{FutureExt, future};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use wire::batch::Gather;
use wire::{CONTENT_TYPE, MessageType};

use crate::lane::Lane;
use crate::telemetry;

/// How many messages may be in flight. Two keep the broker busy; more would only make them smaller.
const MESSAGES_IN_FLIGHT: usize = 2;

/// How long reports gather, unless a message is full before: no receiver waits for them, and each
/// message, the acknowledgements that follow it and its rows are flushed to disks that others wait
/// for. A dispatcher that is killed meanwhile delivers again what was not reported, so it is short
/// where most deliveries are.
const LINGER: Duration = Duration::from_millis(10);

/// The same on the retry lane, where those who wait have waited for longer, and on the bulk lane,
/// which gives way.
const LINGER_OTHERS: Duration = Duration::from_millis(50);

/// Where reports are handed in. Cheap to clone; the batchers end when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Reports {
    fresh: mpsc::Sender<Handed>,
    retry: mpsc::Sender<Handed>,
    bulk: mpsc::Sender<Handed>,
}

/// An encoded report, and who waits for its confirm.
struct Handed {
    report: Bytes,
    confirmed: oneshot::Sender<()>,
}

impl Reports {
    /// The hand-in, and the task that publishes what is handed in.
    pub(crate) fn new(
        publisher: Publisher,
        abort: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let batcher = |linger| {
            let (inbox, handed) = mpsc::channel(4 * limits::ITEMS_PER_MESSAGE);
            let batcher = Batcher {
                publisher: publisher.clone(),
                linger,
                abort: abort.clone(),
                slots: Arc::new(Semaphore::new(MESSAGES_IN_FLIGHT)),
            };
            (inbox, batcher.run(handed))
        };
        let (fresh, of_fresh) = batcher(LINGER);
        let (retry, of_retry) = batcher(LINGER_OTHERS);
        let (bulk, of_bulk) = batcher(LINGER_OTHERS);
        let batching = future::join3(of_fresh, of_retry, of_bulk);
        (Self { fresh, retry, bulk }, batching.map(|_| ()))
    }

    /// Returns when the broker has stored the report on a delivery of this trace and lane.
    ///
    /// # Errors
    /// When the grace is over first.
    pub(crate) async fn send(
        &self,
        mut report: Report,
        trace: &TraceContext,
        lane: Lane,
    ) -> Result<(), Cancelled> {
        let hop = telemetry::publishing(trace, &Route::results());
        report.trace = hop.context().unwrap_or_default();
        let inbox = match lane {
            Lane::Fresh | Lane::Quarantine => &self.fresh,
            Lane::Retry => &self.retry,
            Lane::Bulk => &self.bulk,
        };
        let (confirmed, confirm) = oneshot::channel();
        let handed = Handed {
            report: wire::report::encode(&report),
            confirmed,
        };
        inbox.send(handed).await.map_err(|_| Cancelled)?;
        confirm.await.map_err(|_| Cancelled)
    }
}

struct Batcher {
    publisher: Publisher,
    linger: Duration,
    abort: CancellationToken,
    slots: Arc<Semaphore>,
}

impl Batcher {
    async fn run(self, mut handed: mpsc::Receiver<Handed>) {
        let mut messages = JoinSet::new();
        loop {
            // A slot first, so that reports gather while there is none.
            let slot = Arc::clone(&self.slots)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let reports = self.gather(&mut handed).await;
            if reports.is_empty() {
                break;
            }
            let (publisher, abort) = (self.publisher.clone(), self.abort.clone());
            messages.spawn(async move {
                let _slot = slot;
                publish(&publisher, &abort, reports).await;
            });
            while messages.try_join_next().is_some() {}
        }
        while messages.join_next().await.is_some() {}
    }

    /// The next reports; none when nobody hands any in any more.
    async fn gather(&self, handed: &mut mpsc::Receiver<Handed>) -> Vec<Handed> {
        let mut reports = Vec::new();
        let most = limits::ITEMS_PER_MESSAGE;
        if handed.recv_many(&mut reports, most).await == 0 {
            return reports;
        }
        let until = Instant::now() + self.linger;
        while reports.len() < most {
            let rest = most - reports.len();
            match timeout_at(until, handed.recv_many(&mut reports, rest)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        reports
    }
}

/// Publishes these reports in as few messages as their sizes allow. Dropping those of a message
/// that was not confirmed tells who waits for them.
async fn publish(publisher: &Publisher, abort: &CancellationToken, reports: Vec<Handed>) {
    let mut gather = Gather::new(limits::ITEMS_PER_MESSAGE);
    let mut waiting = Vec::with_capacity(reports.len());
    for Handed { report, confirmed } in reports {
        if !gather.has_room(report.len(), 1) {
            flush(publisher, abort, &mut gather, &mut waiting).await;
        }
        gather.push(report, 1);
        waiting.push(confirmed);
    }
    flush(publisher, abort, &mut gather, &mut waiting).await;
}

async fn flush(
    publisher: &Publisher,
    abort: &CancellationToken,
    gather: &mut Gather,
    waiting: &mut Vec<oneshot::Sender<()>>,
) {
    let kind = MessageType::Report.as_str();
    let message = Outgoing::new(Route::results(), gather.take(), kind, CONTENT_TYPE);
    let published = publisher.publish_until_confirmed(message, abort).await;
    for confirmed in waiting.drain(..) {
        if published.is_ok() {
            // Whoever was aborted meanwhile waits no longer.
            let _ = confirmed.send(());
        }
    }
}
