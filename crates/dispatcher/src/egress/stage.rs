//! How far a send has come, so that a deadline that passes can say what was being waited for.
//!
//! The HTTP client tells nobody. But its resolver and its connector run inside the future of the
//! send, so a value scoped to that future is what ties their progress to it. Only when a
//! connection of the pool becomes free in the middle of connecting does the client finish the new
//! one elsewhere, and the send is taken to be connecting still.

use std::cell::Cell;

use domain::outcome::Failure;
use tokio::time::{Instant, timeout_at};

tokio::task_local! {
    static STAGE: Cell<Stage>;
}

/// What a send is waiting for.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Addresses,
    Connection,
    Answer,
}

impl Stage {
    const fn out_of_time(self) -> Failure {
        match self {
            Self::Addresses => Failure::DnsTimeout,
            Self::Connection => Failure::ConnectTimeout,
            Self::Answer => Failure::ResponseTimeout,
        }
    }
}

/// Awaits a send until the deadline.
///
/// # Errors
/// What it was waiting for when the deadline passed.
pub(super) async fn watch<T>(
    until: Instant,
    sending: impl Future<Output = T>,
) -> Result<T, Failure> {
    let watched = async {
        let sent = timeout_at(until, sending).await;
        sent.map_err(|_| STAGE.with(Cell::get).out_of_time())
    };
    // One that finds a connection in the pool neither resolves nor connects.
    STAGE.scope(Cell::new(Stage::Answer), watched).await
}

/// Marks the look-up of a name.
pub(super) async fn resolving<T>(resolving: impl Future<Output = T>) -> T {
    enter(Stage::Addresses);
    let resolved = resolving.await;
    enter(Stage::Connection);
    resolved
}

/// Marks the making of a connection: the look-up, TCP and TLS.
pub(super) async fn connecting<T>(connecting: impl Future<Output = T>) -> T {
    enter(Stage::Connection);
    let connected = connecting.await;
    enter(Stage::Answer);
    connected
}

/// Nothing to note when the client finishes a connection that no send waits for.
fn enter(stage: Stage) {
    let _unwatched = STAGE.try_with(|current| current.set(stage));
}
