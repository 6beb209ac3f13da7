//! Postgres alone: the rows of events and of their deliveries, by the statements of fan-out and of
//! the recorder.

use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use domain::attempt::{AttemptNumber, Trigger};
use domain::delivery::Delivery;
use domain::event::{Event, Identity};
use domain::id::{DeliveryId, EndpointId, EventId, IngestId, TenantId};
use domain::outcome::Observed;
use domain::report::{AttemptReport, Extent, Report, Standing};
use domain::trace::TraceContext;
use sandbox::Servers;
use secrecy::{ExposeSecret, SecretString};
use store::events::NewEvent;
use store::{Config, Keyring, Store};
use testkit::Stack;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Work;
use crate::load::payload;
use crate::table::rate;

/// Events, or reports, in a transaction.
const IN_TRANSACTION: usize = 128;

/// Records the events of the work, and beside that the report of each of their
/// deliveries. Gives how many deliveries a second.
pub(crate) async fn rate_of(servers: &Servers, work: Work) -> anyhow::Result<f64> {
    let Work {
        deliveries,
        fan_out,
        payload_bytes,
    } = work;
    let record = Record::on(servers).await?;
    let data = Bytes::from(payload(payload_bytes, None));
    let endpoints = endpoints(fan_out);
    let (recorded, reported) = mpsc::channel(4);
    let reporting = tokio::spawn(report_all(record.store.clone(), reported));
    let began = Instant::now();
    let mut left = deliveries.div_ceil(fan_out);
    while left > 0 {
        let count = left.min(IN_TRANSACTION);
        left -= count;
        let batch: Vec<_> = (0..count)
            .map(|_| NewEvent {
                event: record.event(&data),
                endpoints: endpoints.clone(),
            })
            .collect();
        record.store.record(&batch).await?;
        recorded.send(batch).await?;
    }
    drop(recorded);
    let reports = reporting.await.context("the reports panicked")??;
    Ok(rate(reports, began.elapsed()))
}

/// A record with a tenant of its own.
pub(super) struct Record {
    pub(super) store: Store,
    tenant: TenantId,
    _stack: Stack,
}

impl Record {
    pub(super) async fn on(servers: &Servers) -> anyhow::Result<Self> {
        let stack = Stack::on(servers.access()).await;
        let url = SecretString::from(stack.postgres_url());
        store::migrate(&url).await?;
        let keyring: Keyring = Keyring::generate("bench")?.expose_secret().parse()?;
        let store = Store::connect(Config::new(url, keyring))?;
        let today = OffsetDateTime::now_utc().date();
        store.ensure_partitions(today, 1).await?;
        Ok(Self {
            store,
            tenant: TenantId::from_uuid(Uuid::now_v7()),
            _stack: stack,
        })
    }

    /// An event of its tenant.
    pub(super) fn event(&self, data: &Bytes) -> Event {
        event(self.tenant, data)
    }
}

/// The ids of so many endpoints.
pub(super) fn endpoints(count: usize) -> Vec<EndpointId> {
    let new = |_| EndpointId::from_uuid(Uuid::now_v7());
    (0..count).map(new).collect()
}

async fn report_all(
    store: Store,
    mut recorded: mpsc::Receiver<Vec<NewEvent>>,
) -> anyhow::Result<u64> {
    let mut count = 0;
    while let Some(events) = recorded.recv().await {
        let reports: Vec<_> = events.iter().flat_map(reports).collect();
        for batch in reports.chunks(IN_TRANSACTION) {
            store.record_reports(batch).await?;
            count += u64::try_from(batch.len())?;
        }
    }
    Ok(count)
}

fn event(tenant: TenantId, data: &Bytes) -> Event {
    let now = OffsetDateTime::now_utc();
    Event {
        id: EventId::from_uuid(Uuid::now_v7()),
        ingest_id: IngestId::from_uuid(Uuid::now_v7()),
        tenant,
        event_type: "shipment.created".parse().expect("it is a type"),
        data: data.clone(),
        timestamp: now,
        accepted_at: now,
        channels: Vec::new(),
        identity: Identity::Minted,
        violations: Vec::new(),
        trace: TraceContext::default(),
    }
}

/// That each of its deliveries was delivered by its first attempt.
fn reports(new: &NewEvent) -> impl Iterator<Item = Report> {
    let event = &new.event;
    new.endpoints.iter().map(move |endpoint| Report {
        delivery: Delivery {
            id: DeliveryId::first(event.id, *endpoint),
            endpoint: *endpoint,
            trigger: Trigger::Automatic,
            replay_of: None,
        },
        event: event.id,
        event_type: event.event_type.clone(),
        tenant: event.tenant,
        accepted_at: event.accepted_at,
        standing: Standing::Delivered {
            attempt: AttemptNumber::FIRST,
        },
        attempt: Some(AttemptReport {
            number: AttemptNumber::FIRST,
            started_at: event.accepted_at,
            duration: Duration::from_millis(1),
            observed: Observed::Answered {
                status: 200,
                retry_after: None,
            },
            answer: Bytes::new(),
            extent: Extent::Whole,
        }),
        at: event.accepted_at,
        trace: TraceContext::default(),
    })
}
