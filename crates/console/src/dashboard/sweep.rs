//! Sweeping links and sessions that have expired. They open nothing any more; it is for the room.

use std::time::Duration;

use store::Store;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

/// How often it is swept.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Sweeps until `stop`. Several consoles may: each passes over what another has in hand.
pub(crate) async fn sweep(store: Store, stop: CancellationToken) {
    let mut turns = tokio::time::interval(EVERY);
    while stop.run_until_cancelled(turns.tick()).await.is_some() {
        match store.sweep_sessions(OffsetDateTime::now_utc()).await {
            Ok(0) => {}
            Ok(swept) => tracing::debug!(swept, "expired sessions are swept"),
            Err(error) => tracing::warn!(%error, "expired sessions are not swept"),
        }
    }
}
