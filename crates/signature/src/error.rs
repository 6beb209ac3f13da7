//! What a receiver learns when a delivery doesn't verify.

use std::time::Duration;

/// Why a delivery must not be trusted. Answer 401 or 400, and don't process it.
///
/// Each variant tells an operator where to look; none repeats a signature or anything of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The header named didn't come, came empty, or isn't text: no Standard Webhooks sender, or a
    /// proxy in between that drops headers.
    #[error("header `{0}` is missing")]
    MissingHeader(&'static str),
    /// The header named can't be one that we sent.
    #[error("header `{0}` is malformed")]
    MalformedHeader(&'static str),
    /// Signed longer ago than the tolerance: a replayed request, or the receiver's clock is ahead.
    #[error("signed {} s ago, longer than the tolerance", .0.as_secs())]
    TimestampTooOld(Duration),
    /// Signed further in the future than the tolerance: the receiver's clock is behind.
    #[error("signed {} s in the future, further than the tolerance", .0.as_secs())]
    TimestampTooNew(Duration),
    /// No signature is by any of the secrets: an old secret, a body that was changed or encoded
    /// anew on its way, or a forgery.
    #[error("no signature matches")]
    NoMatch,
    /// The body doesn't end with a `signature` member: cut short, encoded anew, or in another
    /// format than `guide`.
    #[error("the body does not end with a signature member")]
    NoSignatureMember,
}
