//! Figures as people read them.

use std::time::Duration;

/// The value that this share of a sorted list is not above.
pub(crate) fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a position in a list that fits into memory"
    )]
    let at = (last as f64 * share.clamp(0.0, 1.0)).round() as usize;
    sorted.get(at).copied()
}

/// So many of something a second.
pub(crate) fn rate(count: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
    let count = count as f64;
    count / took.as_secs_f64()
}

/// Milliseconds with a decimal.
pub(crate) fn millis(duration: Option<Duration>) -> String {
    duration.map_or_else(
        || "-".to_owned(),
        |one| format!("{:.1} ms", one.as_secs_f64() * 1e3),
    )
}
