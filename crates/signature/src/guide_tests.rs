use proptest::prelude::*;
use rstest::rstest;

use super::*;

const UNSIGNED: &[u8] =
    br#"{"event":"shipment.created","data":{"id":"shp_1"},"timestamp":"2026-11-23T18:00:00Z"}"#;

fn secret() -> Secret {
    Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()
}

fn other() -> Secret {
    Secret::from_bytes(vec![7; 32]).unwrap()
}

/// The body around `data`, as the dispatcher writes it.
fn unsigned(data: &[u8]) -> Vec<u8> {
    let timestamp = br#","timestamp":"2026-11-23T18:00:00Z"}"#.as_slice();
    [br#"{"event":"a.b","data":"#.as_slice(), data, timestamp].concat()
}

/// Computed with Python's `hmac`, so that our reading of the format is pinned by another's hand.
#[test]
fn seals_as_another_implementation_does() {
    let sealed = String::from_utf8(seal(&secret(), UNSIGNED).unwrap()).unwrap();
    assert_eq!(
        sealed,
        concat!(
            r#"{"event":"shipment.created","data":{"id":"shp_1"},"timestamp":"2026-11-23T18:00:00Z","#,
            r#""signature":"affb393cd8766552025a1236ad6e312ccd6eff52af56a90295e8911419559579"}"#
        )
    );
}

/// JSON that does not survive being parsed and written again.
#[rstest]
#[case::above_two_to_the_53(b"9007199254740993")]
#[case::thirty_digits(b"123456789012345678901234567890")]
#[case::out_of_range(b"1e400")]
#[case::negative_zero(b"-0")]
#[case::trailing_zero(b"1.10")]
#[case::nul(br#""\u0000""#)]
#[case::lone_surrogate(br#""\ud800""#)]
#[case::duplicate_keys(br#"{"a":1,"a":2}"#)]
#[case::white_space(b"{ \"a\" :\r\n\t[ ] }")]
#[case::emoji("\"\u{1f4ee}\"".as_bytes())]
#[case::not_utf_8(b"\"\xff\xfe\"")]
#[case::the_member_itself(
    br#"{"x":"y","signature":"0000000000000000000000000000000000000000000000000000000000000000"}"#
)]
#[case::the_member_as_text(br#"",\"signature\":\"""#)]
fn data_stays_as_it_was_and_verifies(#[case] data: &[u8]) {
    let unsigned = unsigned(data);
    let sealed = seal(&secret(), &unsigned).unwrap();
    assert_eq!(sealed.len(), unsigned.len() - 1 + SUFFIX_BYTES);
    assert!(sealed.starts_with(&unsigned[..unsigned.len() - 1]));
    assert_eq!(verify([&secret()], &sealed), Ok(()));
}

#[test]
fn only_the_last_member_counts() {
    // A good seal that someone wrapped, or went on writing after, says nothing of the whole.
    let sealed = seal(&secret(), UNSIGNED).unwrap();
    let wrapped = unsigned(&sealed);
    assert_eq!(
        verify([&secret()], &wrapped),
        Err(VerifyError::NoSignatureMember)
    );
    let continued = [&sealed[..sealed.len() - 1], br#","more":1}"#].concat();
    assert_eq!(
        verify([&secret()], &continued),
        Err(VerifyError::NoSignatureMember)
    );
    // Sealed twice, both ends are true in their turn.
    let twice = seal(&secret(), &sealed).unwrap();
    assert_eq!(verify([&secret()], &twice), Ok(()));
}

#[rstest]
#[case::empty("")]
#[case::unsigned(r#"{"event":"a","data":1,"timestamp":"t"}"#)]
#[case::short(r#"{"a":1,"signature":"abcd"}"#)]
#[case::the_suffix_but_no_end(
    r#"{"a":1,"signature":"0000000000000000000000000000000000000000000000000000000000000000",}"#
)]
fn a_body_without_the_member_is_told_apart(#[case] body: &str) {
    assert_eq!(
        verify([&secret()], body.as_bytes()),
        Err(VerifyError::NoSignatureMember)
    );
}

#[test]
fn what_stands_around_the_body_breaks_it() {
    let sealed = seal(&secret(), UNSIGNED).unwrap();
    let newline = [&sealed[..], b"\n"].concat();
    assert_eq!(
        verify([&secret()], &newline),
        Err(VerifyError::NoSignatureMember)
    );
    assert_eq!(verify([&secret()], &sealed[1..]), Err(VerifyError::NoMatch));
    let space = [b" ", &sealed[..]].concat();
    assert_eq!(verify([&secret()], &space), Err(VerifyError::NoMatch));
}

#[test]
fn digits_are_lower_case() {
    let mut sealed = seal(&secret(), UNSIGNED).unwrap();
    let digits = sealed.len() - END.len() - HEX_DIGITS..sealed.len() - END.len();
    sealed[digits].make_ascii_uppercase();
    assert_eq!(verify([&secret()], &sealed), Err(VerifyError::NoMatch));
}

#[test]
fn any_of_the_secrets_verifies_and_no_other() {
    let sealed = seal(&secret(), UNSIGNED).unwrap();
    assert_eq!(verify(&[other(), secret()], &sealed), Ok(()));
    assert_eq!(verify([&other()], &sealed), Err(VerifyError::NoMatch));
    assert_eq!(verify([], &sealed), Err(VerifyError::NoMatch));
}

#[rstest]
#[case::empty(b"")]
#[case::not_an_object(b"[1]")]
#[case::one_brace(b"{")]
#[case::no_member(b"{}")]
#[case::blank(b"{ \t}")]
#[case::white_space_after(b"{\"a\":1} ")]
fn what_cannot_take_a_member_is_refused(#[case] body: &[u8]) {
    assert_eq!(seal(&secret(), body), Err(SealError));
}

proptest! {
    #[test]
    fn any_data_verifies_and_no_flipped_bit_does(
        key in prop::collection::vec(any::<u8>(), 24..=64),
        data in prop::collection::vec(any::<u8>(), 0..512),
        flip in any::<prop::sample::Index>(),
    ) {
        let secret = Secret::from_bytes(key).unwrap();
        let mut sealed = seal(&secret, &unsigned(&data)).unwrap();
        prop_assert_eq!(verify([&secret], &sealed), Ok(()));
        let bit = flip.index(sealed.len() * 8);
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verify([&secret], &sealed).is_err());
    }

    #[test]
    fn any_body_is_read_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..256)) {
        prop_assert!(verify([&secret()], &body).is_err());
    }
}
