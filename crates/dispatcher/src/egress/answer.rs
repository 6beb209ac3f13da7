//! What is kept of an answer's body.

use bytes::{Bytes, BytesMut};
use domain::limits;
use domain::report::Extent;
use tokio::time::{Instant, timeout_at};

/// Reads up to [`limits::ANSWER_BYTES`], as long as the deadline allows. A body that breaks off,
/// drips or never ends is kept as far as it came, and its connection is not used again.
pub(super) async fn read(mut response: reqwest::Response, until: Instant) -> (Bytes, Extent) {
    let mut kept = BytesMut::new();
    loop {
        let chunk = match timeout_at(until, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return (kept.freeze(), Extent::Whole),
            Ok(Err(_)) | Err(_) => return (kept.freeze(), Extent::Truncated),
        };
        let room = limits::ANSWER_BYTES - kept.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return (kept.freeze(), Extent::Truncated);
        }
    }
}
