//! The `guide` body format, whose last member signs all that stands before it.
//!
//! `{"event":…,"data":…,"timestamp":…,"signature":"<64 hex digits>"}`, members in this order and
//! `data` byte for byte as published. The signature is HMAC-SHA256, in lower-case hex, over the
//! exact bytes of the body as it would be without the member: up to `,"signature":"`, then `}`.
//!
//! So a receiver cuts off the last [`SUFFIX_BYTES`] bytes, puts `}` in their place and compares;
//! nothing is parsed. Only the end of the body counts, wherever else `data` may hold the same
//! characters.
//!
//! The member binds neither the message's id nor the attempt's time, as the [`standard`] headers
//! do: a request can be replayed to a receiver that looks at nothing else.
//!
//! [`standard`]: crate::standard

use subtle::ConstantTimeEq;

use crate::mac;
use crate::{Secret, VerifyError};

const MEMBER: &[u8] = br#","signature":""#;
const END: &[u8] = br#""}"#;
const HEX_DIGITS: usize = 64;

/// Length of `,"signature":"<64 hex digits>"}`, with which every signed body ends.
pub const SUFFIX_BYTES: usize = MEMBER.len() + HEX_DIGITS + END.len();

/// Adds the `signature` member to `{"event":…,"data":…,"timestamp":…}` and leaves every byte
/// before it as it is.
///
/// While a secret is rotated, `secret` is the newest one: there is room for one signature.
///
/// # Errors
/// [`SealError`] when `unsigned` is not, from its first byte to its last, an object with a member.
pub fn seal(secret: &Secret, unsigned: &[u8]) -> Result<Vec<u8>, SealError> {
    let [b'{', members @ .., b'}'] = unsigned else {
        return Err(SealError);
    };
    if members.trim_ascii().is_empty() {
        return Err(SealError);
    }
    let prefix = &unsigned[..unsigned.len() - 1];
    let mut body = Vec::with_capacity(prefix.len() + SUFFIX_BYTES);
    body.extend_from_slice(prefix);
    body.extend_from_slice(MEMBER);
    body.extend_from_slice(&digits(secret, prefix));
    body.extend_from_slice(END);
    Ok(body)
}

/// Verifies that the `signature` member of `body` is by one of the `secrets`, in constant time.
///
/// `body` is what was received, byte for byte, before anything parsed it. During a rotation give
/// the old secret and the new one: a retry is sealed with whichever is newest when it is sent.
///
/// # Errors
/// [`VerifyError::NoSignatureMember`] or [`VerifyError::NoMatch`].
pub fn verify<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    body: &[u8],
) -> Result<(), VerifyError> {
    let (prefix, signature) = split(body).ok_or(VerifyError::NoSignatureMember)?;
    let mut matched = subtle::Choice::from(0);
    for secret in secrets {
        matched |= digits(secret, prefix).ct_eq(signature);
    }
    if matched.into() {
        Ok(())
    } else {
        Err(VerifyError::NoMatch)
    }
}

/// What was signed but for its `}`, and the digits of the signature.
fn split(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (prefix, suffix) = body.split_at_checked(body.len().checked_sub(SUFFIX_BYTES)?)?;
    let signature = suffix.strip_prefix(MEMBER)?.strip_suffix(END)?;
    Some((prefix, signature))
}

fn digits(secret: &Secret, prefix: &[u8]) -> [u8; HEX_DIGITS] {
    let mut digits = [0; HEX_DIGITS];
    hex::encode_to_slice(mac::tag(secret, &[prefix, b"}"]), &mut digits)
        .expect("a tag of 32 bytes has 64 digits");
    digits
}

/// The bytes to seal are not one JSON object with at least one member and nothing around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only a body that is an object with members can take a signature member")]
pub struct SealError;

#[cfg(test)]
#[path = "guide_tests.rs"]
mod tests;
