//! HMAC-SHA256 over several pieces, so that nobody has to join them first.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Secret;

pub(crate) type Tag = [u8; 32];

pub(crate) fn tag(secret: &Secret, pieces: &[&[u8]]) -> Tag {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    for piece in pieces {
        mac.update(piece);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 4: its key of 25 bytes is the one that is long enough for a [`Secret`].
    #[test]
    fn rfc_4231_in_one_piece_or_in_many() {
        let secret = Secret::from_bytes((1..=25).collect()).unwrap();
        let data = [0xcd; 50];
        let expected = "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b";
        assert_eq!(hex::encode(tag(&secret, &[&data])), expected);
        assert_eq!(
            hex::encode(tag(&secret, &[&data[..1], &[], &data[1..]])),
            expected
        );
    }
}
