//! When keys were last used: marked in memory at each use, and written down once a minute for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::id::ApiKeyId;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::directory::{AccessDirectory, Live};
use crate::error::StoreError;
use crate::pool::Store;
use crate::sql::{execute, uuids};

/// How far apart uses are written down.
const APART: Duration = Duration::from_secs(60);

/// Whether a key was used since that was last written down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mark(Arc<AtomicBool>);

impl Mark {
    /// The key is used. Most of the time this only looks: what many threads write to, each of them
    /// waits for.
    pub(crate) fn set(&self) {
        if !self.0.load(Ordering::Relaxed) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was used; it counts as unused from here on.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Live<AccessDirectory> {
    /// Writes down once a minute which keys were used, until `stop` is cancelled, and once more
    /// then. What can't be written is tried with the next.
    pub async fn note_uses(self, stop: CancellationToken) {
        let mut turns = interval(APART);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        turns.tick().await;
        loop {
            let goes_on = stop.run_until_cancelled(turns.tick()).await.is_some();
            if let Err(error) = self.note_uses_now().await {
                tracing::debug!(%error, "the uses of keys are not on record yet");
            }
            if !goes_on {
                return;
            }
        }
    }

    /// Writes down which keys were used since this was last done.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database is: they are written with the next.
    pub async fn note_uses_now(&self) -> Result<(), StoreError> {
        let current = self.current();
        let used: Vec<ApiKeyId> = current.take_used().collect();
        if used.is_empty() {
            return Ok(());
        }
        let noted = self.store().note_key_uses(&used).await;
        if noted.is_err() {
            current.mark_used(&used);
        }
        noted
    }
}

impl Store {
    /// Notes that these keys were used now.
    async fn note_key_uses(&self, keys: &[ApiKeyId]) -> Result<(), StoreError> {
        // In one order, so that two who write can't deadlock.
        const NOTE: &str = "-- api_key_uses_note
            insert into api_key_uses as u (key_id, last_used_at)
            select k.id, now() from api_keys k where k.id = any($1) order by k.id
            on conflict (key_id) do update
            set last_used_at = greatest(u.last_used_at, excluded.last_used_at)";
        self.bounded(async {
            let client = self.client().await?;
            execute(&client, NOTE, &[&uuids(keys.iter().copied())]).await?;
            Ok(())
        })
        .await
    }
}
