//! The lane for what is delivered again: it leaves live traffic its latency.

use broker::Outgoing;
use broker::topology::Route;
use bytes::Bytes;
use domain::dispatch::Dispatch;
use domain::limits;
use domain::shard::{Shard, Shards};
use wire::MessageType;
use wire::batch::Sharded;

/// A delivery as a message of its own.
pub(crate) fn on_retry_lane(dispatch: &Dispatch, shards: Shards) -> Outgoing {
    message(
        shard(dispatch, shards),
        wire::dispatch::encode_alone(dispatch),
    )
}

/// Deliveries that are due at the same time, in as few messages as their shards and the bounds
/// allow.
pub(crate) fn together_on_retry_lane(
    dispatches: impl IntoIterator<Item = Dispatch>,
    shards: Shards,
) -> Vec<Outgoing> {
    let mut together = Sharded::new(limits::DELIVERIES_PER_MESSAGE);
    for dispatch in dispatches {
        let shard = shard(&dispatch, shards);
        together.push(shard, wire::dispatch::encode_one(&dispatch), 1);
    }
    let gathered = together.finish().into_iter();
    gathered.map(|one| message(one.shard, one.body)).collect()
}

fn shard(dispatch: &Dispatch, shards: Shards) -> Shard {
    shards.of(dispatch.due.delivery.endpoint.uuid())
}

fn message(shard: Shard, body: Bytes) -> Outgoing {
    let kind = MessageType::Dispatch.as_str();
    Outgoing::new(Route::dispatch_slow(shard), body, kind, wire::CONTENT_TYPE)
}
