//! A sign-in that has begun: what the browser that began it keeps until it comes back.

use std::time::Duration;

use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};

/// How long somebody may take at the identity provider.
pub(crate) const LASTS: Duration = Duration::from_secs(10 * 60);

/// What ties an answer of the identity provider to the browser that asked. Each part is random and
/// base64url; it is in a cookie that pages can't read, and good for one answer.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(super) state: CsrfToken,
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
}

impl Attempt {
    /// As the cookie holds it.
    pub(crate) fn text(&self) -> String {
        let (state, nonce) = (self.state.secret(), self.nonce.secret());
        format!("{state}.{nonce}.{}", self.verifier.secret())
    }

    /// What a cookie holds, where an answer with this state belongs to it.
    pub(crate) fn of(text: &str, state: &str) -> Option<Self> {
        let mut parts = text.split('.').filter(|part| !part.is_empty());
        let (own, nonce, verifier) = (parts.next()?, parts.next()?, parts.next()?);
        (own == state && parts.next().is_none()).then(|| Self {
            state: CsrfToken::new(own.to_owned()),
            nonce: Nonce::new(nonce.to_owned()),
            verifier: PkceCodeVerifier::new(verifier.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_belongs_to_the_attempt_with_its_state() {
        let attempt = Attempt::of("s.n.v", "s").unwrap();
        assert_eq!(attempt.text(), "s.n.v");
        for (text, state) in [
            ("s.n.v", "t"),
            ("s.n.v", ""),
            (".n.v", ""),
            ("s.n", "s"),
            ("s.n.v.x", "s"),
            ("", ""),
        ] {
            assert!(Attempt::of(text, state).is_none(), "{text} {state}");
        }
    }
}
