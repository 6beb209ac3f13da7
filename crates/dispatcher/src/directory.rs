//! Endpoints, from the last good snapshot of the directory.

use std::sync::Arc;
use std::time::Duration;

use domain::id::EndpointId;
use moka::sync::Cache;
use store::{EndpointDirectory, Live};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::admission::RECORD_LIMIT;

pub(crate) use store::Target;

/// The shortest time between two refreshes that unknown endpoints cause.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// How many deleted endpoints are remembered, and for how long. None ever comes back.
const DELETED: u64 = 10_000;
const DELETED_FOR: Duration = Duration::from_secs(60 * 60);

/// Finds endpoints. While Postgres is away the last snapshot serves.
pub(crate) struct Directory {
    live: Live<EndpointDirectory>,
    refreshed: Mutex<Option<Refreshed>>,
    deleted: Cache<EndpointId, ()>,
}

/// The last refresh that was asked for here.
struct Refreshed {
    begun: Instant,
    result: Refresh,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresh {
    Done,
    Failed,
}

/// What is known of an endpoint.
pub(crate) enum Found {
    /// This.
    Known(Arc<Target>),
    /// It is in the record no more.
    Deleted,
    /// It isn't in the snapshot, and the record can't be asked.
    RecordAway,
}

impl Directory {
    pub(crate) fn new(live: Live<EndpointDirectory>) -> Self {
        Self {
            live,
            refreshed: Mutex::new(None),
            deleted: Cache::builder()
                .max_capacity(DELETED)
                .time_to_live(DELETED_FOR)
                .build(),
        }
    }

    /// Looks the endpoint up. One that isn't known may be newer than the snapshot, so the snapshot
    /// is refreshed once for all that ask, and at most once a second.
    pub(crate) async fn find(&self, endpoint: EndpointId) -> Found {
        if let Some(target) = self.known(endpoint) {
            return Found::Known(target);
        }
        if self.deleted.contains_key(&endpoint) {
            return Found::Deleted;
        }
        // On the heap: the futures of all deliveries would have room for this rare case.
        Box::pin(self.find_newer(endpoint)).await
    }

    /// Looks in a snapshot that is not older than this call.
    async fn find_newer(&self, endpoint: EndpointId) -> Found {
        let asked = Instant::now();
        let mut refreshed = self.refreshed.lock().await;
        if let Some(last) = &*refreshed
            && last.begun < asked
        {
            tokio::time::sleep_until(last.begun + REFRESH_INTERVAL).await;
        }
        // Whoever held the lock before us may have refreshed after we asked: that holds for us too.
        let last = match refreshed.take() {
            Some(last) if last.begun >= asked => last,
            _ => self.refresh().await,
        };
        let result = last.result;
        *refreshed = Some(last);
        match (self.known(endpoint), result) {
            (Some(target), _) => Found::Known(target),
            (None, Refresh::Done) => {
                self.deleted.insert(endpoint, ());
                Found::Deleted
            }
            (None, Refresh::Failed) => Found::RecordAway,
        }
    }

    fn known(&self, endpoint: EndpointId) -> Option<Arc<Target>> {
        self.live.current().target(endpoint)
    }

    async fn refresh(&self) -> Refreshed {
        let begun = Instant::now();
        let result = match timeout(RECORD_LIMIT, self.live.refresh()).await {
            Ok(Ok(_)) => Refresh::Done,
            Ok(Err(error)) => {
                tracing::debug!(%error, "the directory can't be refreshed for an unknown endpoint");
                Refresh::Failed
            }
            Err(_) => Refresh::Failed,
        };
        Refreshed { begun, result }
    }
}
