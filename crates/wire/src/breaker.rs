//! How circuit breakers stand, from the dispatchers to the recorder.

use bytes::Bytes;
use domain::breaker::{BreakerNotice, BreakerStanding, BreakerState};
use prost::Message;

use crate::field::{self, DecodeError};
use crate::proto::{self, breaker};

/// Encodes a notice as one item of a batch.
#[must_use]
pub fn encode(notice: &BreakerNotice) -> Bytes {
    let state = match notice.standing.state {
        BreakerState::Closed => breaker::State::Closed(proto::BreakerClosed {}),
        BreakerState::HalfOpen => breaker::State::HalfOpen(proto::BreakerHalfOpen {}),
        BreakerState::Open { retry_at } => breaker::State::Open(proto::BreakerOpen {
            retry_at_us: field::micros(retry_at),
        }),
    };
    let message = proto::Breaker {
        endpoint_id: field::id_bytes(notice.endpoint),
        dispatcher_id: field::id_bytes(notice.dispatcher),
        since_us: field::micros(notice.standing.since),
        state: Some(state),
    };
    message.encode_to_vec().into()
}

/// Decodes one item of a batch.
///
/// # Errors
/// When it is no notice.
pub fn decode(item: Bytes) -> Result<BreakerNotice, DecodeError> {
    let message = proto::Breaker::decode(item)?;
    let state = match message.state.ok_or_else(|| field::invalid("state"))? {
        breaker::State::Closed(proto::BreakerClosed {}) => BreakerState::Closed,
        breaker::State::HalfOpen(proto::BreakerHalfOpen {}) => BreakerState::HalfOpen,
        breaker::State::Open(open) => BreakerState::Open {
            retry_at: field::instant(open.retry_at_us, "retry_at_us")?,
        },
    };
    Ok(BreakerNotice {
        endpoint: field::id(&message.endpoint_id, "endpoint_id")?,
        dispatcher: field::id(&message.dispatcher_id, "dispatcher_id")?,
        standing: BreakerStanding {
            state,
            since: field::instant(message.since_us, "since_us")?,
        },
    })
}
