//! Watermarks, from the dispatchers to the recorder.

use std::time::Duration;

use bytes::Bytes;
use domain::loss::Watermark;
use prost::Message;

use crate::field::{self, DecodeError};
use crate::proto;

/// Encodes a watermark as one item of a batch.
#[must_use]
pub fn encode(watermark: &Watermark) -> Bytes {
    let message = proto::Watermark {
        queue: watermark.queue.clone(),
        passed_at_us: field::micros(watermark.passed_at),
        lag_ms: field::millis(watermark.lag),
        told_at_us: field::micros(watermark.told_at),
    };
    message.encode_to_vec().into()
}

/// Decodes one item of a batch.
///
/// # Errors
/// When it is no watermark.
pub fn decode(item: Bytes) -> Result<Watermark, DecodeError> {
    let message = proto::Watermark::decode(item)?;
    let passed_at = field::instant(message.passed_at_us, "passed_at_us")?;
    // It was told after that, at least.
    let told_at = match message.told_at_us {
        0 => passed_at,
        told_at_us => field::instant(told_at_us, "told_at_us")?,
    };
    Ok(Watermark {
        queue: message.queue,
        passed_at,
        told_at,
        lag: Duration::from_millis(message.lag_ms),
    })
}
