//! Reports: where deliveries stand, and the attempts that brought them there.

use std::collections::BTreeSet;
use std::error::Error;

use broker::message::header;
use broker::topology::Route;
use broker::{Headers, Outgoing};
use domain::report::Report;
use service::patience::Patience;
use store::{Remedy, StoreError};
use time::Date;
use wire::MessageType;

use super::Results;
use crate::interrupted::Interrupted;
use crate::metrics::whole;

/// How often in a row partitions are made for the same reports before they are taken for reports
/// that no partition is made for.
const PARTITIONS_MADE: u8 = 3;

impl Results {
    /// Records all; gives the letters of those that the record refuses even alone.
    pub(super) async fn record_reports(
        &self,
        reports: Vec<Report>,
    ) -> Result<Vec<Outgoing>, Interrupted> {
        let mut refused = Vec::new();
        if reports.is_empty() {
            return Ok(refused);
        }
        self.metrics.reports.add(whole(reports.len()), &[]);
        self.metrics.batch.record(whole(reports.len()), &[]);
        if self.commit(&reports).await?.is_ok() {
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
