//! What came in together, by what it is.

use broker::topology::Route;
use broker::{Acker, Delivered, Outgoing, Received};
use bytes::Bytes;
use domain::breaker::BreakerNotice;
use domain::loss::Watermark;
use domain::report::Report;
use service::trace::{Hop, Step};
use wire::{DecodeError, MessageType};

/// What came in together.
#[derive(Debug, Default)]
pub(super) struct Intake {
    pub(super) reports: Vec<Report>,
    pub(super) watermarks: Vec<Watermark>,
    pub(super) breakers: Vec<BreakerNotice>,
    /// What nobody can read, each item alone on its way to the dead letters.
    pub(super) parked: Vec<Outgoing>,
    pub(super) ackers: Vec<Acker>,
    /// The spans of reports whose traces are recorded.
    pub(super) hops: Vec<Hop>,
}

/// Why an item has no place.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
    #[error("messages of this type are not the recorder's, or not this version's")]
    Foreign,
}

impl Intake {
    pub(super) fn take(&mut self, received: Received) {
        let (message, acker) = received.into_parts();
        self.ackers.push(acker);
        match wire::batch::split(message.body.clone()) {
            Ok(items) => items
                .into_iter()
                .for_each(|item| self.take_item(&message, item)),
            Err(error) => self.park(&message, message.body.clone(), &error.into()),
        }
    }

    fn take_item(&mut self, message: &Delivered, item: Bytes) {
        let kind = message.properties.kind.as_deref();
        let placed = match kind.and_then(MessageType::from_name) {
            Some(MessageType::Report) => {
                wire::report::decode(item.clone()).map(|report| self.take_report(message, report))
            }
            Some(MessageType::Watermark) => wire::watermark::decode(item.clone())
                .map(|watermark| self.watermarks.push(watermark)),
            Some(MessageType::Breakers) => {
                wire::breaker::decode(item.clone()).map(|notice| self.breakers.push(notice))
            }
            Some(
                MessageType::InboxEvent
                | MessageType::InboxBatch
                | MessageType::Accepted
                | MessageType::Dispatch,
            )
            | None => return self.park_item(message, item, &Misfit::Foreign),
        };
        if let Err(error) = placed {
            self.park_item(message, item, &error.into());
        }
    }

    fn take_report(&mut self, message: &Delivered, report: Report) {
        if report.trace.is_sampled() {
            let hop = Hop::within(&report.trace, || process(message, &report));
            self.hops.push(hop);
        }
        self.reports.push(report);
    }

    fn park_item(&mut self, message: &Delivered, item: Bytes, why: &Misfit) {
        self.park(message, wire::batch::join(vec![item]), why);
    }

    fn park(&mut self, message: &Delivered, body: Bytes, why: &Misfit) {
        let letter = message.letter(Route::dead(), "undecodable", &why.to_string());
        self.parked.push(Outgoing { body, ..letter });
    }
}

fn process(message: &Delivered, report: &Report) -> Step {
    Step::process(&message.exchange, &message.routing_key, &message.queue)
        .of("posthaste.event.id", report.event)
        .of("posthaste.delivery.id", report.delivery.id)
}
