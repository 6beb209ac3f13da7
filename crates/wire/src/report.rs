//! Reports, from the dispatchers to the recorder.

use std::time::Duration;

use bytes::Bytes;
use domain::attempt::AttemptNumber;
use domain::delivery::{DeadReason, Delivery};
use domain::outcome::{Failure, Observed};
use domain::report::{AttemptReport, Extent, Report, Standing};
use prost::Message;

use crate::field::{self, DecodeError};
use crate::proto::{self, attempt, report};

/// Encodes a report as one item of a batch.
#[must_use]
pub fn encode(report: &Report) -> Bytes {
    let Delivery {
        id,
        endpoint,
        trigger,
        replay_of,
    } = report.delivery;
    let message = proto::Report {
        delivery_id: field::id_bytes(id),
        endpoint_id: field::id_bytes(endpoint),
        trigger: field::proto_trigger(trigger).into(),
        replay_of: field::optional_id_bytes(replay_of),
        event_id: field::id_bytes(report.event),
        tenant_id: field::id_bytes(report.tenant),
        event_type: report.event_type.as_str().to_owned(),
        accepted_at_us: field::micros(report.accepted_at),
        at_us: field::micros(report.at),
        standing_attempt: report.standing.attempt().get().into(),
        standing: Some(encode_standing(report.standing)),
        attempt: report.attempt.as_ref().map(encode_attempt),
        trace: field::proto_trace(&report.trace),
    };
    message.encode_to_vec().into()
}

fn encode_standing(standing: Standing) -> report::Standing {
    match standing {
        Standing::Waiting {
            next_attempt_at, ..
        } => report::Standing::Waiting(proto::Waiting {
            next_attempt_at_us: field::micros(next_attempt_at),
        }),
        Standing::Delivered { .. } => report::Standing::Delivered(proto::Delivered {}),
        Standing::Dead { reason, .. } => report::Standing::Dead(proto::Dead {
            reason: reason.as_str().to_owned(),
        }),
        Standing::Held { .. } => report::Standing::Held(proto::Held {}),
        Standing::Cancelled { .. } => report::Standing::Cancelled(proto::Cancelled {}),
    }
}

fn encode_attempt(attempt: &AttemptReport) -> proto::Attempt {
    let observed = match attempt.observed {
        Observed::Answered {
            status,
            retry_after,
        } => attempt::Observed::Answered(proto::Answered {
            status: status.into(),
            retry_after_ms: retry_after.map(field::millis),
        }),
        Observed::Failed(failure) => attempt::Observed::Failed(failure.as_str().to_owned()),
    };
    proto::Attempt {
        number: attempt.number.get().into(),
        started_at_us: field::micros(attempt.started_at),
        duration_us: u64::try_from(attempt.duration.as_micros()).unwrap_or(u64::MAX),
        observed: Some(observed),
        answer: attempt.answer.clone(),
        truncated: attempt.extent == Extent::Truncated,
    }
}

/// Decodes one item of a batch.
///
/// # Errors
/// When it is no report.
pub fn decode(item: Bytes) -> Result<Report, DecodeError> {
    let message = proto::Report::decode(item)?;
    let delivery = Delivery {
        id: field::id(&message.delivery_id, "delivery_id")?,
        endpoint: field::id(&message.endpoint_id, "endpoint_id")?,
        trigger: field::trigger(message.trigger())?,
        replay_of: field::optional_id(&message.replay_of, "replay_of")?,
    };
    let attempt = field::attempt(message.standing_attempt, "standing_attempt")?;
    let standing = message.standing.ok_or_else(|| field::invalid("standing"))?;
    Ok(Report {
        delivery,
        event: field::id(&message.event_id, "event_id")?,
        event_type: field::parsed(&message.event_type, "event_type")?,
        tenant: field::id(&message.tenant_id, "tenant_id")?,
        accepted_at: field::instant(message.accepted_at_us, "accepted_at_us")?,
        standing: decode_standing(attempt, &standing)?,
        attempt: message.attempt.map(decode_attempt).transpose()?,
        at: field::instant(message.at_us, "at_us")?,
        trace: field::trace(message.trace),
    })
}

fn decode_standing(
    attempt: AttemptNumber,
    standing: &report::Standing,
) -> Result<Standing, DecodeError> {
    Ok(match standing {
        report::Standing::Waiting(waiting) => Standing::Waiting {
            attempt,
            next_attempt_at: field::instant(waiting.next_attempt_at_us, "next_attempt_at_us")?,
        },
        report::Standing::Delivered(proto::Delivered {}) => Standing::Delivered { attempt },
        report::Standing::Dead(dead) => Standing::Dead {
            attempt,
            reason: DeadReason::from_name(&dead.reason).ok_or_else(|| field::invalid("reason"))?,
        },
        report::Standing::Held(proto::Held {}) => Standing::Held { attempt },
        report::Standing::Cancelled(proto::Cancelled {}) => Standing::Cancelled { attempt },
    })
}

fn decode_attempt(message: proto::Attempt) -> Result<AttemptReport, DecodeError> {
    let observed = match message.observed.ok_or_else(|| field::invalid("observed"))? {
        attempt::Observed::Answered(proto::Answered {
            status,
            retry_after_ms,
        }) => Observed::Answered {
            status: u16::try_from(status).map_err(|_| field::invalid("status"))?,
            retry_after: retry_after_ms.map(Duration::from_millis),
        },
        attempt::Observed::Failed(code) => {
            Observed::Failed(Failure::from_name(&code).unwrap_or(Failure::Unknown))
        }
    };
    Ok(AttemptReport {
        number: field::attempt(message.number, "number")?,
        started_at: field::instant(message.started_at_us, "started_at_us")?,
        duration: Duration::from_micros(message.duration_us),
        observed,
        answer: message.answer,
        extent: if message.truncated {
            Extent::Truncated
        } else {
            Extent::Whole
        },
    })
}
