//! Secrets at rest: XChaCha20-Poly1305 under a key from configuration.
//!
//! What is sealed is bound to its tenant, its endpoint and its place there, so a ciphertext that
//! is copied into another row does not open. A keyring holds several keys: the first seals, all
//! open, so a key is replaced by putting a new one in front, rewrapping, and dropping the old.
//! **Invariant:** neither keys nor what they protect are ever shown by `Debug` or an error.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use domain::id::{EndpointId, TenantId};
use secrecy::SecretString;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::StoreError;

/// The bytes of a key.
const KEY_BYTES: usize = 32;

/// The bytes of a nonce, at the head of what is sealed. At 24 they may be drawn at random.
const NONCE_BYTES: usize = 24;

/// The longest name of a key.
const NAME_LENGTH: usize = 32;

/// The keys that secrets are encrypted with; the first is current.
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<[Key]>,
}

struct Key {
    name: Box<str>,
    cipher: XChaCha20Poly1305,
}

/// A text that is no keyring. Holds nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseKeyringError {
    /// An entry has no name, or one with other characters than letters, digits, `_` and `-`.
    #[error("a keyring is name:key,name:key…, names of letters, digits, _ and -")]
    Name,
    /// Two entries have the same name.
    #[error("two keys of the keyring have the same name")]
    SameName,
    /// A key is not base64 of 32 bytes.
    #[error("a key of the keyring is base64 of {KEY_BYTES} bytes")]
    Key,
}

/// What something sealed belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) tenant: TenantId,
    pub(crate) endpoint: EndpointId,
    pub(crate) place: Place,
}

/// Where at its endpoint something sealed belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// The secret of this row.
    Secret(Uuid),
    /// The endpoint's own headers.
    Headers,
}

/// Something encrypted, and the name of the key it was encrypted with.
pub(crate) struct Sealed {
    pub(crate) key: String,
    pub(crate) bytes: Vec<u8>,
}

/// Why something sealed can't be opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("the keyring has no key named {0}")]
    UnknownKey(String),
    #[error("it was altered, moved to another row, or sealed with another key of the name {0}")]
    Altered(String),
}

impl Keyring {
    /// A new key from the operating system, as the text that [`Keyring::from_str`] reads.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when the operating system has no randomness.
    pub fn generate(name: &str) -> Result<SecretString, StoreError> {
        let key: Zeroizing<[u8; KEY_BYTES]> = random()?;
        let encoded = Zeroizing::new(STANDARD.encode(key.as_slice()));
        Ok(SecretString::from(format!("{name}:{}", encoded.as_str())))
    }

    /// The name of the key that seals.
    pub(crate) fn current(&self) -> &str {
        &self.keys[0].name
    }

    /// Whether there is a key of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| *key.name == *name)
    }

    /// Encrypts with the current key.
    pub(crate) fn seal(&self, owner: Owner, plain: &[u8]) -> Result<Sealed, StoreError> {
        let key = &self.keys[0];
        let nonce: Zeroizing<[u8; NONCE_BYTES]> = random()?;
        let aad = owner.associated_data(&key.name);
        let payload = Payload {
            msg: plain,
            aad: &aad,
        };
        let sealed = key
            .cipher
            .encrypt(&XNonce::from(*nonce), payload)
            .map_err(|error| StoreError::Broken(error.to_string().into()))?;
        Ok(Sealed {
            key: key.name.to_string(),
            bytes: [nonce.as_slice(), &sealed].concat(),
        })
    }

    /// Decrypts with the key of this name.
    pub(crate) fn open(
        &self,
        owner: Owner,
        name: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let key = self.keys.iter().find(|key| *key.name == *name);
        let key = key.ok_or_else(|| OpenError::UnknownKey(name.to_owned()).broken())?;
        let altered = || OpenError::Altered(name.to_owned()).broken();
        let (nonce, msg) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or_else(altered)?;
        let aad = owner.associated_data(name);
        let plain = key
            .cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg, aad: &aad })
            .map_err(|_| altered())?;
        Ok(Zeroizing::new(plain))
    }
}

impl OpenError {
    fn broken(self) -> StoreError {
        StoreError::Broken(Box::new(self))
    }
}

impl Owner {
    /// Binds what is sealed to its row. All but the key's name have a fixed length, so no two
    /// owners give the same bytes.
    fn associated_data(&self, key: &str) -> Vec<u8> {
        let (kind, row) = match self.place {
            Place::Secret(row) => (b's', row),
            Place::Headers => (b'h', Uuid::nil()),
        };
        let mut data = b"posthaste.sealed.v1".to_vec();
        data.extend(self.tenant.uuid().as_bytes());
        data.extend(self.endpoint.uuid().as_bytes());
        data.push(kind);
        data.extend(row.as_bytes());
        data.extend(key.as_bytes());
        data
    }
}

impl FromStr for Keyring {
    type Err = ParseKeyringError;

    /// Reads `name:key,name:key…`, each key base64 of 32 bytes, the current one first.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let keys: Vec<Key> = text.split(',').map(key).collect::<Result<_, _>>()?;
        let mut names: Vec<&str> = keys.iter().map(|key| &*key.name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ParseKeyringError::SameName);
        }
        Ok(Self { keys: keys.into() })
    }
}

fn key(entry: &str) -> Result<Key, ParseKeyringError> {
    let (name, encoded) = entry
        .trim()
        .split_once(':')
        .ok_or(ParseKeyringError::Name)?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !(1..=NAME_LENGTH).contains(&name.len()) || !name.bytes().all(allowed) {
        return Err(ParseKeyringError::Name);
    }
    let bytes = Zeroizing::new(
        STANDARD
            .decode(encoded)
            .map_err(|_| ParseKeyringError::Key)?,
    );
    let cipher = XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_| ParseKeyringError::Key)?;
    Ok(Key {
        name: name.into(),
        cipher,
    })
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.keys.iter().map(|key| &key.name);
        f.debug_tuple("Keyring")
            .field(&names.collect::<Vec<_>>())
            .finish()
    }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, StoreError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| StoreError::Broken(Box::new(error)))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
