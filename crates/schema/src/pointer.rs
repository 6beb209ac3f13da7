//! JSON pointers as they stand in a URI's fragment.

use std::fmt::Write as _;

/// The pointer, percent-encoded, of at most `most` bytes: one that is longer is cut to what
/// encloses the place.
pub(crate) fn fragment(pointer: &str, most: usize) -> String {
    let mut encoded = String::with_capacity(pointer.len());
    for byte in pointer.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    if encoded.len() > most {
        let cut = encoded[..=most].rfind('/').unwrap_or_default();
        encoded.truncate(cut);
    }
    encoded
}

/// One segment of a pointer.
pub(crate) fn segment(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// What a fragment holds as it is. Source: RFC 3986, section 3.5.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@?".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pointers_are_encoded_and_cut() {
        assert_eq!(fragment("/a b/\u{0}/é/~1%", 99), "/a%20b/%00/%C3%A9/~1%25");
        assert_eq!(fragment("/one/two", 8), "/one/two");
        assert_eq!(fragment("/one/two", 7), "/one");
        assert_eq!(fragment("/one", 3), "");
        assert_eq!(segment("a/b~c"), "a~1b~0c");
    }

    proptest! {
        #[test]
        fn a_fragment_keeps_its_bound(pointer: String, most in 0usize..40) {
            let encoded = fragment(&pointer, most);
            prop_assert!(encoded.len() <= most && encoded.is_ascii());
        }
    }
}
