//! Reports from the dispatchers, on their way into the record.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use broker::message::header;
use broker::topology::Route;
use broker::{Acker, Delivered, Headers, Outgoing, Publisher, Received, ack_all};
use bytes::Bytes;
use domain::report::Report;
use futures::future::try_join_all;
use service::Latch;
use store::{Remedy, Store, StoreError};
use time::Date;
use tokio_util::sync::CancellationToken;
use wire::MessageType;

use crate::interrupted::Interrupted;
use crate::metrics::{Metrics, whole};
use service::patience::Patience;

/// How often in a row partitions are made for the same reports before they are taken for reports
/// that no partition is made for.
const PARTITIONS_MADE: u8 = 3;

/// Writes reports into the record.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    /// Says whether the record answers.
    pub(crate) record: Arc<Latch>,
    /// Cancelled when the record is no longer waited for.
    pub(crate) stop: CancellationToken,
    /// Cancelled when nothing is waited for.
    pub(crate) abort: CancellationToken,
    pub(crate) metrics: Metrics,
}

/// What came in together.
#[derive(Debug, Default)]
struct Intake {
    reports: Vec<Report>,
    parked: Vec<Outgoing>,
    ackers: Vec<Acker>,
}

impl Results {
    /// Records what is in these messages, then acknowledges them.
    pub(crate) async fn handle(&self, received: Vec<Received>) -> Result<(), Interrupted> {
        let mut intake = Intake::default();
        for one in received {
            intake.take(one);
        }
        let Intake {
            reports,
            mut parked,
            ackers,
        } = intake;
        self.metrics.reports.add(whole(reports.len()), &[]);
        self.metrics.batch.record(whole(reports.len()), &[]);
        parked.extend(self.record(reports).await?);
        self.metrics.parked.add(whole(parked.len()), &[]);
        let confirmed = parked
            .into_iter()
            .map(|letter| self.publisher.publish_until_confirmed(letter, &self.abort));
        try_join_all(confirmed).await?;
        ack_all(ackers).await;
        Ok(())
    }

    /// Records all; gives the letters of those that the record refuses even alone.
    async fn record(&self, reports: Vec<Report>) -> Result<Vec<Outgoing>, Interrupted> {
        let mut refused = Vec::new();
        if reports.is_empty() || self.commit(&reports).await?.is_ok() {
            return Ok(refused);
        }
        for report in &reports {
            if let Err(error) = self.commit(std::slice::from_ref(report)).await? {
                refused.push(unrecordable(report, &error));
            }
        }
        Ok(refused)
    }

    /// One transaction, tried until the record has it or refuses it.
    async fn commit(&self, reports: &[Report]) -> Result<Result<(), StoreError>, Interrupted> {
        let mut patience = Patience::new(&self.record, &self.stop);
        let mut made = 0;
        loop {
            let error = match self.store.record_reports(reports).await {
                Ok(()) => {
                    patience.rewarded();
                    return Ok(Ok(()));
                }
                Err(error) => error,
            };
            match error.remedy() {
                Remedy::Wait => patience.wait(&error).await?,
                Remedy::MakePartitions if made < PARTITIONS_MADE => {
                    made += 1;
                    let making = self.store.ensure_partitions_for(&days(reports)).await;
                    if let Err(error) = making {
                        patience.wait(&error).await?;
                    }
                }
                Remedy::MakePartitions | Remedy::PutAside => {
                    tracing::error!(
                        error = &error as &dyn Error,
                        reports = reports.len(),
                        "the record refuses reports"
                    );
                    return Ok(Err(error));
                }
            }
        }
    }
}

impl Intake {
    fn take(&mut self, received: Received) {
        let (message, acker) = received.into_parts();
        self.ackers.push(acker);
        match wire::batch::split(message.body.clone()) {
            Ok(items) => items
                .into_iter()
                .for_each(|item| self.take_item(&message, item)),
            Err(error) => {
                let detail = error.to_string();
                let letter = message.letter(Route::dead(), "undecodable", &detail);
                self.parked.push(letter);
            }
        }
    }

    fn take_item(&mut self, message: &Delivered, item: Bytes) {
        match wire::report::decode(item.clone()) {
            Ok(report) => self.reports.push(report),
            Err(error) => {
                let letter = message.letter(Route::dead(), "undecodable", &error.to_string());
                let body = wire::batch::join(vec![item]);
                self.parked.push(Outgoing { body, ..letter });
            }
        }
    }
}

/// A report that the record can't hold, alone on its way to the dead letters.
fn unrecordable(report: &Report, error: &StoreError) -> Outgoing {
    let headers = Headers::new()
        .with(header::REASON, "unrecordable")
        .with(header::DETAIL, error.to_string());
    Outgoing::new(
        Route::dead(),
        wire::batch::join(vec![wire::report::encode(report)]),
        MessageType::Report.as_str(),
        wire::CONTENT_TYPE,
    )
    .with_headers(headers)
}

fn days(reports: &[Report]) -> Vec<Date> {
    let days: BTreeSet<Date> = reports.iter().map(Report::day).collect();
    days.into_iter().collect()
}
