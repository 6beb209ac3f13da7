//! How far a send has come, so that a deadline that passes can say what was being waited for.
//!
//! The HTTP client tells nobody. But its resolver, its connector and the store of TLS sessions are
//! called inside the future of the send, so a value scoped to that future is what ties their
//! progress to it. Only when a connection of the pool becomes free in the middle of connecting does
//! the client finish the new one elsewhere, and the send is taken to be connecting still.

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
    Handshake,
    Answer,
}

impl Stage {
    const fn out_of_time(self) -> Failure {
        match self {
            Self::Addresses => Failure::DnsTimeout,
            Self::Connection => Failure::ConnectTimeout,
            Self::Handshake => Failure::TlsTimeout,
            Self::Answer => Failure::ResponseTimeout,
        }
    }
}

/// Awaits a send until the deadline.
///
/// # Errors
/// What it was waiting for when the deadline passed; or what `failed` makes of its error, and of
/// what it was waiting for.
pub(super) async fn watch<T, E>(
    until: Instant,
    sending: impl Future<Output = Result<T, E>>,
    failed: impl FnOnce(&E, Failure) -> Failure,
) -> Result<T, Failure> {
    let watched = async {
        let sent = timeout_at(until, sending).await;
        let out_of_time = STAGE.with(Cell::get).out_of_time();
        match sent {
            Ok(sent) => sent.map_err(|error| failed(&error, out_of_time)),
            Err(_) => Err(out_of_time),
        }
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

/// Marks the beginning of a TLS handshake, which ends with the connection.
pub(super) fn shaking_hands() {
    enter(Stage::Handshake);
}

/// Nothing to note when the client finishes a connection that no send waits for.
fn enter(stage: Stage) {
    let _unwatched = STAGE.try_with(|current| current.set(stage));
}
