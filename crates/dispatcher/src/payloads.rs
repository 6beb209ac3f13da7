//! Payloads that are too large to travel with each delivery: read from the record, once for all
//! endpoints of an event.

use std::time::Duration;

use bytes::Bytes;
use domain::dispatch::{Content, Payload};
use domain::id::EventId;
use moka::future::Cache;
use store::Store;
use time::OffsetDateTime;
use tokio::time::timeout;

use crate::admission::RECORD_LIMIT;

/// How long a payload stays in memory after its last use.
const IDLE: Duration = Duration::from_secs(60);

/// How long after its acceptance an event's row may be missing: fan-out publishes the deliveries
/// while it commits, and may be told to commit again.
const ROW_MAY_BE_MISSING: Duration = Duration::from_secs(60 * 60);

/// Why a payload can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadError {
    /// The record is away, or does not hold it yet.
    NotYet,
    /// The record should have held it for long, and doesn't.
    Missing,
}

/// Reads payloads, and keeps the latest in memory up to a number of bytes.
pub(crate) struct Payloads {
    store: Store,
    cache: Cache<EventId, Bytes>,
}

impl Payloads {
    pub(crate) fn new(store: Store, bytes: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, payload: &Bytes| u32::try_from(payload.len()).unwrap_or(u32::MAX))
            .time_to_idle(IDLE)
            .build();
        Self { store, cache }
    }

    /// The payload of a delivery. Of several that want the same one, one asks the record.
    pub(crate) async fn get(&self, content: &Content) -> Result<Bytes, PayloadError> {
        match &content.payload {
            Payload::Inline(data) => Ok(data.clone()),
            Payload::Stored => {
                let load = self.load(content);
                let loaded = Box::pin(self.cache.try_get_with(content.event, load));
                match timeout(RECORD_LIMIT, loaded).await {
                    Ok(loaded) => loaded.map_err(|error| *error),
                    Err(_) => Err(PayloadError::NotYet),
                }
            }
        }
    }

    async fn load(&self, content: &Content) -> Result<Bytes, PayloadError> {
        let day = content.accepted_at.to_utc().date();
        match self.store.payload(content.event, day).await {
            Ok(Some(data)) => Ok(data),
            Ok(None) if OffsetDateTime::now_utc() - content.accepted_at > ROW_MAY_BE_MISSING => {
                Err(PayloadError::Missing)
            }
            Ok(None) => Err(PayloadError::NotYet),
            Err(error) => {
                tracing::debug!(event.id = %content.event, %error, "the payload can't be read yet");
                Err(PayloadError::NotYet)
            }
        }
    }
}
