//! Endpoints, from the last good snapshot of the directory.

use std::sync::Arc;
use std::time::Duration;

use domain::id::EndpointId;
use store::{EndpointDirectory, Live};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(crate) use store::Target;

/// The shortest time between two refreshes that unknown endpoints cause.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// Finds endpoints. While Postgres is away the last snapshot serves.
pub(crate) struct Directory {
    live: Live<EndpointDirectory>,
    refreshed: Mutex<Option<Refreshed>>,
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
        }
    }

    /// Looks the endpoint up. One that isn't known may be newer than the snapshot, so the snapshot
    /// is refreshed once for all that ask, and at most once a second.
    pub(crate) async fn find(&self, endpoint: EndpointId) -> Found {
        if let Some(target) = self.known(endpoint) {
            return Found::Known(target);
        }
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
            (None, Refresh::Done) => Found::Deleted,
            (None, Refresh::Failed) => Found::RecordAway,
        }
    }

    fn known(&self, endpoint: EndpointId) -> Option<Arc<Target>> {
        self.live.current().target(endpoint)
    }

    async fn refresh(&self) -> Refreshed {
        let begun = Instant::now();
        let result = match self.live.refresh().await {
            Ok(_) => Refresh::Done,
            Err(error) => {
                tracing::debug!(%error, "the directory can't be refreshed for an unknown endpoint");
                Refresh::Failed
            }
        };
        Refreshed { begun, result }
    }
}
