//! Deliveries, from fan-out, the retry queues and replays to the dispatchers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::delivery::{Delivery, Due};
use domain::dispatch::{Content, Custody, Dispatch, Payload};
use domain::tier::Wait;
use domain::trace::SpanId;
use prost::Message;

use crate::field::{self, DecodeError};
use crate::proto::{self, dispatch};

/// Where a delivery of an event goes, and how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The attempt to make.
    pub due: Due,
    /// How long to wait before it is made.
    pub wait: Wait,
    /// Whether another dispatcher may be making it.
    pub custody: Custody,
    /// How often its endpoint's gate has sent it away to wait: for want of room, by its circuit
    /// breaker, or by its rate limit.
    pub overflows: u32,
    /// The span of the attempt before, where that was recorded.
    pub attempt_before: Option<SpanId>,
}

impl Target {
    /// A first attempt, due at once.
    #[must_use]
    pub const fn now(due: Due) -> Self {
        Self {
            due,
            wait: Wait::NONE,
            custody: Custody::Sole,
            overflows: 0,
            attempt_before: None,
        }
    }
}

/// Encodes one event and its deliveries as one item of a batch.
#[must_use]
pub fn encode(content: &Content, targets: &[Target]) -> Bytes {
    let payload = match &content.payload {
        Payload::Inline(data) => dispatch::Payload::Inline(data.clone()),
        Payload::Stored => dispatch::Payload::Stored(proto::Stored {}),
    };
    let message = proto::Dispatch {
        event_id: field::id_bytes(content.event),
        tenant_id: field::id_bytes(content.tenant),
        event_type: content.event_type.as_str().to_owned(),
        timestamp_us: field::micros(content.timestamp),
        accepted_at_us: field::micros(content.accepted_at),
        trace: field::proto_trace(&content.trace),
        payload: Some(payload),
        targets: targets.iter().map(encode_target).collect(),
    };
    message.encode_to_vec().into()
}

/// Encodes a dispatch as a message of its own: for what is retried, parked or dead.
#[must_use]
pub fn encode_alone(dispatch: &Dispatch) -> Bytes {
    crate::batch::join(vec![encode_one(dispatch)])
}

/// Encodes a dispatch as one item of a batch.
#[must_use]
pub fn encode_one(dispatch: &Dispatch) -> Bytes {
    let Dispatch {
        content,
        due,
        wait,
        custody,
        overflows,
        attempt_before,
    } = dispatch;
    let target = Target {
        due: *due,
        wait: *wait,
        custody: *custody,
        overflows: *overflows,
        attempt_before: *attempt_before,
    };
    encode(content, &[target])
}

fn encode_target(target: &Target) -> proto::Target {
    let Delivery {
        id,
        endpoint,
        trigger,
        replay_of,
    } = target.due.delivery;
    proto::Target {
        delivery_id: field::id_bytes(id),
        endpoint_id: field::id_bytes(endpoint),
        attempt: target.due.attempt.get().into(),
        trigger: field::proto_trigger(trigger).into(),
        replay_of: field::optional_id_bytes(replay_of),
        wait_total_ms: field::millis(target.wait.total()),
        wait_left_ms: field::millis(target.wait.left()),
        handed_over: target.custody == Custody::HandedOver,
        overflows: target.overflows,
        attempt_before_span: target.attempt_before.map_or(0, SpanId::get),
        repeated: target.custody == Custody::Repeated,
    }
}

/// Decodes one item of a batch into its deliveries, which share the event.
///
/// # Errors
/// When it is no dispatch. An item stands or falls whole: its targets were written together.
pub fn decode(item: Bytes) -> Result<Vec<Dispatch>, DecodeError> {
    let message = proto::Dispatch::decode(item)?;
    let payload = match message.payload.ok_or_else(|| field::invalid("payload"))? {
        dispatch::Payload::Inline(data) => Payload::Inline(data),
        dispatch::Payload::Stored(proto::Stored {}) => Payload::Stored,
    };
    let content = Arc::new(Content {
        event: field::id(&message.event_id, "event_id")?,
        tenant: field::id(&message.tenant_id, "tenant_id")?,
        event_type: field::parsed(&message.event_type, "event_type")?,
        timestamp: field::instant(message.timestamp_us, "timestamp_us")?,
        accepted_at: field::instant(message.accepted_at_us, "accepted_at_us")?,
        payload,
        trace: field::trace(message.trace),
    });
    message
        .targets
        .iter()
        .map(|target| decode_target(&content, target))
        .collect()
}

fn decode_target(content: &Arc<Content>, target: &proto::Target) -> Result<Dispatch, DecodeError> {
    let delivery = Delivery {
        id: field::id(&target.delivery_id, "delivery_id")?,
        endpoint: field::id(&target.endpoint_id, "endpoint_id")?,
        trigger: field::trigger(target.trigger())?,
        replay_of: field::optional_id(&target.replay_of, "replay_of")?,
    };
    Ok(Dispatch {
        content: Arc::clone(content),
        due: Due {
            delivery,
            attempt: field::attempt(target.attempt, "attempt")?,
        },
        wait: Wait::resumed(
            Duration::from_millis(target.wait_total_ms),
            Duration::from_millis(target.wait_left_ms),
        ),
        custody: match (target.handed_over, target.repeated) {
            (true, _) => Custody::HandedOver,
            (false, true) => Custody::Repeated,
            (false, false) => Custody::Sole,
        },
        overflows: target.overflows,
        attempt_before: SpanId::new(target.attempt_before_span),
    })
}
