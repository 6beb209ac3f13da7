//! Why a signature doesn't hold: by trying what commonly goes wrong, one after the other.
//!
//! A signature says no more than whether it fits. So the body is undone step by step in the ways
//! that receivers change it by mistake; the step after which it fits is what went wrong.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use signature::standard::{self, TOLERANCE};
use signature::{Secret, VerifyError, guide};

use super::plain;

/// What a receiver has of a request.
pub(super) struct Received<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) timestamp: Option<&'a str>,
    pub(super) signatures: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// What is to be said of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    Genuine,
    /// Genuine, and signed so long ago.
    TooOld(Duration),
    /// Genuine, and signed so far in the future.
    TooNew(Duration),
    /// The secret is none, for this reason.
    SecretUnreadable(String),
    /// The secret is none of the endpoint's.
    SecretOfAnother,
    HeaderMissing(&'static str),
    HeaderMalformed(&'static str),
    /// The body is as it was sent, and the headers came with another request.
    HeadersOfAnother,
    /// White space was added around the body, or its line ends were changed.
    LineEnds,
    /// The body was parsed and written again.
    EncodedAnew,
    /// The body is not all of its JSON.
    CutShort,
    /// The secret is right, and the body is not what was signed.
    Changed,
    /// It may be the secret or the body.
    Unknown,
}

/// What is to be said of a request whose receiver has this secret, at this instant in seconds since
/// the Unix epoch. `own` are the secrets of the endpoint, where it is known.
pub(super) fn of(
    secret: &str,
    own: Option<&[Secret]>,
    received: &Received<'_>,
    now_unix_s: i64,
) -> Reason {
    let secret = match Secret::parse(secret) {
        Ok(secret) => secret,
        Err(error) => return Reason::SecretUnreadable(error.to_string()),
    };
    match received.verify(&secret, received.body) {
        Ok(()) => received.age(&secret, now_unix_s),
        Err(VerifyError::MissingHeader(name)) => Reason::HeaderMissing(name),
        Err(VerifyError::MalformedHeader(name)) => Reason::HeaderMalformed(name),
        Err(_) => received.why_not(&secret, own),
    }
}

impl Received<'_> {
    /// Whether the headers hold for this body, whenever that was.
    fn verify(&self, secret: &Secret, body: &[u8]) -> Result<(), VerifyError> {
        let at = self.timestamp.and_then(|text| text.parse().ok());
        let (id, time, signatures) = (self.id, self.timestamp, self.signatures);
        let at = at.unwrap_or_default();
        standard::verify([secret], id, time, signatures, body, at, Duration::ZERO)
    }

    fn age(&self, secret: &Secret, now_unix_s: i64) -> Reason {
        let (id, time, signatures) = (self.id, self.timestamp, self.signatures);
        let now = now_unix_s;
        match standard::verify([secret], id, time, signatures, self.body, now, TOLERANCE) {
            Err(VerifyError::TimestampTooOld(age)) => Reason::TooOld(age),
            Err(VerifyError::TimestampTooNew(ahead)) => Reason::TooNew(ahead),
            _ => Reason::Genuine,
        }
    }

    fn why_not(&self, secret: &Secret, own: Option<&[Secret]>) -> Reason {
        let fits = |body: &[u8]| {
            let mut secrets = own.unwrap_or_default().iter();
            let of_endpoint = secrets.any(|own| self.verify(own, body).is_ok());
            (self.verify(secret, body).is_ok(), of_endpoint)
        };
        let is_own = own.map(|own| own.iter().any(|one| are_equal(one, secret)));
        if fits(self.body).1 {
            return Reason::SecretOfAnother;
        }
        let trimmed = without_line_ends(self.body);
        for (body, reason) in [
            (Some(trimmed.clone()), Reason::LineEnds),
            (rewritten(&trimmed), Reason::EncodedAnew),
        ] {
            match body.map(|body| fits(&body)) {
                // Both are wrong: the secret is what must be put right first.
                Some((false, true)) => return Reason::SecretOfAnother,
                Some((true, _)) => return reason,
                Some((false, false)) | None => {}
            }
        }
        if guide::verify([secret], &trimmed).is_ok() {
            return Reason::HeadersOfAnother;
        }
        if serde_json::from_slice::<&RawValue>(&trimmed).is_err() {
            return Reason::CutShort;
        }
        match is_own {
            Some(false) => Reason::SecretOfAnother,
            Some(true) if plain::is_spaced(&trimmed) => Reason::EncodedAnew,
            Some(true) => Reason::Changed,
            None => Reason::Unknown,
        }
    }
}

/// Compared by what they sign: how long it takes tells nothing of either.
fn are_equal(one: &Secret, other: &Secret) -> bool {
    let signed = |secret| standard::sign(secret, "equal", 0, b"");
    signed(one) == signed(other)
}

fn without_line_ends(body: &[u8]) -> Vec<u8> {
    let mut trimmed = body.trim_ascii().to_vec();
    let mut before = 0;
    trimmed.retain(|byte| std::mem::replace(&mut before, *byte) != b'\r' || *byte != b'\n');
    trimmed
}

/// The members of a body of ours, in whatever order they are.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    timestamp: &'a RawValue,
    #[serde(borrow)]
    signature: &'a RawValue,
}

/// The body as it may have been before it was parsed and written again: in our order, without white
/// space, and with its characters as they are.
fn rewritten(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let ordered = serde_json::from_str(text).map(|members: Members<'_>| {
        format!(
            r#"{{"event":{},"data":{},"timestamp":{},"signature":{}}}"#,
            members.event, members.data, members.timestamp, members.signature
        )
    });
    let ordered = ordered.unwrap_or_else(|_| text.to_owned());
    Some(plain::written(&ordered).into_bytes())
}

impl Reason {
    pub(super) const fn holds(&self) -> bool {
        matches!(self, Self::Genuine | Self::TooOld(_) | Self::TooNew(_))
    }

    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Genuine => "genuine",
            Self::TooOld(_) => "too_old",
            Self::TooNew(_) => "too_new",
            Self::SecretUnreadable(_) => "secret_unreadable",
            Self::SecretOfAnother => "secret_of_another",
            Self::HeaderMissing(_) => "header_missing",
            Self::HeaderMalformed(_) => "header_malformed",
            Self::HeadersOfAnother => "headers_of_another",
            Self::LineEnds => "line_ends",
            Self::EncodedAnew => "encoded_anew",
            Self::CutShort => "cut_short",
            Self::Changed => "changed",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
#[path = "diagnosis_tests.rs"]
mod tests;
