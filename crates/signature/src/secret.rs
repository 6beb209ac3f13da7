//! The key that an endpoint shares with us.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// What every secret's text begins with, so that people and secret scanners recognise it.
const PREFIX: &str = "whsec_";

/// Writes padding, and reads text from which someone has trimmed it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A symmetric signing key of [`Secret::MIN_BYTES`] to [`Secret::MAX_BYTES`] bytes.
///
/// Wiped from memory on drop, and never shown by `Debug`. There is no `Display` and no `PartialEq`:
/// [`Secret::expose`] is the one way to its text, and signatures are what is compared.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The shortest key, in bytes, that Standard Webhooks permits.
    pub const MIN_BYTES: usize = 24;
    /// The longest key, in bytes, that Standard Webhooks permits.
    pub const MAX_BYTES: usize = 64;

    /// Reads `whsec_` and the key in base64, with or without padding.
    ///
    /// # Errors
    /// [`SecretError`] says what is wrong with the text, without repeating any of it.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::NoPrefix)?;
        let key = BASE64.decode(encoded).map_err(|_| SecretError::NotBase64)?;
        Self::from_bytes(key)
    }

    /// Takes the key itself, which the caller draws from a cryptographic source.
    ///
    /// # Errors
    /// [`SecretError::Length`] outside of [`Secret::MIN_BYTES`] to [`Secret::MAX_BYTES`]; the bytes
    /// are wiped then, too.
    pub fn from_bytes(key: Vec<u8>) -> Result<Self, SecretError> {
        let key = Zeroizing::new(key);
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&key.len()) {
            return Err(SecretError::Length(key.len()));
        }
        Ok(Self(key))
    }

    /// The text that the endpoint's owner is shown: `whsec_` and the key in base64.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut text = String::from(PREFIX);
        BASE64.encode_string(self.as_bytes(), &mut text);
        text
    }

    /// The key, to be encrypted for storage.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Why a text or some bytes are no [`Secret`]. Holds nothing of the input but its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text begins with something else, or with white space.
    #[error("a signing secret begins with `whsec_`")]
    NoPrefix,
    /// What follows the prefix can't be decoded.
    #[error("a signing secret is base64 after `whsec_`")]
    NotBase64,
    /// The key has this many bytes.
    #[error(
        "a signing secret has {min} to {max} bytes, this one has {0}",
        min = Secret::MIN_BYTES,
        max = Secret::MAX_BYTES
    )]
    Length(usize),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::without_prefix("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::NoPrefix)]
    #[case::a_private_ed25519_key("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::NoPrefix)]
    #[case::white_space(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::NoPrefix)]
    #[case::line_feed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", SecretError::NotBase64)]
    #[case::url_alphabet("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", SecretError::NotBase64)]
    #[case::empty("whsec_", SecretError::Length(0))]
    #[case::short("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ", SecretError::Length(23))]
    fn what_is_no_secret_is_named(#[case] text: &str, #[case] expected: SecretError) {
        assert_eq!(Secret::parse(text).unwrap_err(), expected);
    }

    #[rstest]
    #[case(23, false)]
    #[case(24, true)]
    #[case(64, true)]
    #[case(65, false)]
    fn lengths_are_bounded(#[case] bytes: usize, #[case] allowed: bool) {
        let secret = Secret::from_bytes(vec![7; bytes]);
        assert_eq!(secret.is_ok(), allowed);
    }

    #[test]
    fn trimmed_padding_is_forgiven() {
        let padded = Secret::from_bytes(vec![7; 32]).unwrap().expose();
        assert!(padded.ends_with('='));
        let trimmed = Secret::parse(padded.trim_end_matches('=')).unwrap();
        assert_eq!(trimmed.as_bytes(), [7; 32]);
    }

    #[test]
    fn debug_and_errors_show_nothing_of_the_key() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let secret = Secret::parse(text).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
        let error = Secret::parse(&text[1..]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("MfKQ"));
    }

    proptest! {
        #[test]
        fn text_and_key_are_one_to_one(key in prop::collection::vec(any::<u8>(), 24..=64)) {
            let secret = Secret::from_bytes(key.clone()).unwrap();
            let again = Secret::parse(&secret.expose()).unwrap();
            prop_assert_eq!(again.as_bytes(), key);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "(whsec_)?\\PC*") {
            let _ = Secret::parse(&text);
        }
    }
}
