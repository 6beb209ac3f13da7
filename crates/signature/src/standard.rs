//! The `webhook-*` headers of Standard Webhooks 1.0.0, symmetric signatures (`v1`).
//!
//! Asymmetric signatures (`v1a`), and any later version, are skipped when verifying and are never
//! made.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use subtle::{Choice, ConstantTimeEq};

use crate::mac::{self, Tag};
use crate::{Secret, VerifyError};

/// Names the message; the same in every attempt, so that a receiver can drop a duplicate.
pub const WEBHOOK_ID: &str = "webhook-id";
/// The attempt's time, in whole seconds since the Unix epoch.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// `v1,` and a signature in base64, once per live secret, separated by spaces.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// How far a timestamp may be from the receiver's clock, either way, as the official libraries
/// have it.
pub const TOLERANCE: Duration = Duration::from_secs(300);

const VERSION: &str = "v1";

/// One signature for [`WEBHOOK_SIGNATURE`]: `v1,<base64>`.
///
/// `id` must not contain a full stop, since full stops separate what is signed: a signed
/// `a.1` + `2` + `x` could be passed off as `a` + `1` + `2.x`. [`verify`] refuses such an id.
#[must_use]
pub fn sign(secret: &Secret, id: &str, timestamp_unix_s: i64, body: &[u8]) -> String {
    let tag = tag(secret, id, &timestamp_unix_s.to_string(), body);
    format!("{VERSION},{}", BASE64_STANDARD.encode(tag))
}

/// The whole value of [`WEBHOOK_SIGNATURE`]: a signature by each secret, in the order given.
///
/// Sign with every live secret while one is rotated, the newest first. No secrets give an empty
/// value, which every receiver refuses.
#[must_use]
pub fn header_value<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    id: &str,
    timestamp_unix_s: i64,
    body: &[u8],
) -> String {
    let signatures: Vec<_> = secrets
        .into_iter()
        .map(|secret| sign(secret, id, timestamp_unix_s, body))
        .collect();
    signatures.join(" ")
}

/// Verifies that `body` was signed by one of the `secrets`, as the message and at the time that the
/// headers say.
///
/// The headers are given as they came, `None` where there was none. `body` is what was received,
/// byte for byte, before anything parsed it. A `tolerance` of [`TOLERANCE`] is the usual one; its
/// limit is inclusive. Signatures are compared in constant time. Within the tolerance the same
/// request verifies again: drop duplicates by [`WEBHOOK_ID`].
///
/// # Errors
/// [`VerifyError`]; never [`VerifyError::NoSignatureMember`].
pub fn verify<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    id_header: Option<&str>,
    timestamp_header: Option<&str>,
    signature_header: Option<&str>,
    body: &[u8],
    now_unix_s: i64,
    tolerance: Duration,
) -> Result<(), VerifyError> {
    let id = present(WEBHOOK_ID, id_header)?;
    let timestamp = present(WEBHOOK_TIMESTAMP, timestamp_header)?;
    let signatures = present(WEBHOOK_SIGNATURE, signature_header)?;

    if id.contains('.') {
        return Err(VerifyError::MalformedHeader(WEBHOOK_ID));
    }
    check_age(timestamp, now_unix_s, tolerance)?;
    let candidates = parse_signatures(signatures)?;

    let mut matched = Choice::from(0);
    for secret in secrets {
        let expected = tag(secret, id, timestamp, body);
        for candidate in &candidates {
            matched |= expected.ct_eq(candidate);
        }
    }
    if matched.into() {
        Ok(())
    } else {
        Err(VerifyError::NoMatch)
    }
}

/// The header's text is what is signed, not the number it stands for: no second spelling verifies.
fn tag(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Tag {
    mac::tag(
        secret,
        &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body],
    )
}

fn present<'a>(name: &'static str, value: Option<&'a str>) -> Result<&'a str, VerifyError> {
    value
        .filter(|value| !value.is_empty())
        .ok_or(VerifyError::MissingHeader(name))
}

fn check_age(timestamp: &str, now_unix_s: i64, tolerance: Duration) -> Result<(), VerifyError> {
    let signed_unix_s: i64 = timestamp
        .parse()
        .map_err(|_| VerifyError::MalformedHeader(WEBHOOK_TIMESTAMP))?;
    let distance = Duration::from_secs(now_unix_s.abs_diff(signed_unix_s));
    if distance <= tolerance {
        Ok(())
    } else if signed_unix_s < now_unix_s {
        Err(VerifyError::TimestampTooOld(distance))
    } else {
        Err(VerifyError::TimestampTooNew(distance))
    }
}

/// The signatures of our version. What can't be one is skipped, so that a newer or broken entry
/// doesn't hide the good one beside it; only a header with none at all is malformed.
fn parse_signatures(header: &str) -> Result<Vec<Tag>, VerifyError> {
    let tags: Vec<Tag> = header
        .split(' ')
        .filter_map(|entry| {
            let encoded = entry.strip_prefix(VERSION)?.strip_prefix(',')?;
            BASE64_STANDARD.decode(encoded).ok()?.try_into().ok()
        })
        .collect();
    if tags.is_empty() {
        Err(VerifyError::MalformedHeader(WEBHOOK_SIGNATURE))
    } else {
        Ok(tags)
    }
}

#[cfg(test)]
#[path = "standard_tests.rs"]
mod tests;
