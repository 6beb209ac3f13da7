//! Secrets that their bearer presents: 256 random bits, of which the record has the SHA-256 alone.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::StoreError;
use crate::keyring;

/// A token's text. Wiped from memory on drop and never shown by `Debug`.
pub struct Token(Zeroizing<String>);

impl Token {
    /// Draws one; `prefix` is what people and secret scanners recognise its kind by.
    pub(crate) fn generate(prefix: &str) -> Result<Self, StoreError> {
        let bits: Zeroizing<[u8; 32]> = keyring::random()?;
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + 43));
        text.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(bits.as_slice(), &mut text);
        Ok(Self(text))
    }

    /// The text, to be given once to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// The SHA-256 of a token's text: what the record holds and a presented token is looked up by.
///
/// A look-up needs no constant time: what it would leak is of the hash of 256 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of a presented token.
    pub(crate) fn of(presented: &str) -> Self {
        Self(Sha256::digest(presented.as_bytes()).into())
    }

    pub(crate) fn from_column(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn column(&self) -> &[u8] {
        &self.0
    }
}
