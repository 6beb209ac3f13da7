use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// The vector that the official libraries test themselves with.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const NOW: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn official() -> Secret {
    Secret::parse(SECRET).unwrap()
}

fn other() -> Secret {
    Secret::from_bytes(vec![7; 32]).unwrap()
}

/// The official request with its signature header replaced.
fn verify_signature(header: &str) -> Result<(), VerifyError> {
    verify(
        [&official()],
        Some(ID),
        Some("1614265330"),
        Some(header),
        BODY,
        NOW,
        TOLERANCE,
    )
}

/// The official request, received at another time.
fn verify_at(now_unix_s: i64) -> Result<(), VerifyError> {
    verify(
        [&official()],
        Some(ID),
        Some("1614265330"),
        Some(SIGNATURE),
        BODY,
        now_unix_s,
        TOLERANCE,
    )
}

#[test]
fn signs_and_verifies_the_official_vector() {
    assert_eq!(sign(&official(), ID, NOW, BODY), SIGNATURE);
    assert_eq!(verify_signature(SIGNATURE), Ok(()));
}

#[rstest]
#[case::id(None, Some("1614265330"), Some(SIGNATURE), WEBHOOK_ID)]
#[case::empty_id(Some(""), Some("1614265330"), Some(SIGNATURE), WEBHOOK_ID)]
#[case::timestamp(Some(ID), None, Some(SIGNATURE), WEBHOOK_TIMESTAMP)]
#[case::signature(Some(ID), Some("1614265330"), None, WEBHOOK_SIGNATURE)]
#[case::empty_signature(Some(ID), Some("1614265330"), Some(""), WEBHOOK_SIGNATURE)]
fn a_missing_header_is_named(
    #[case] id: Option<&str>,
    #[case] timestamp: Option<&str>,
    #[case] signature: Option<&str>,
    #[case] missing: &'static str,
) {
    let verdict = verify(
        [&official()],
        id,
        timestamp,
        signature,
        BODY,
        NOW,
        TOLERANCE,
    );
    assert_eq!(verdict, Err(VerifyError::MissingHeader(missing)));
}

#[test]
fn the_tolerance_is_inclusive_on_both_sides() {
    let outside = Duration::from_secs(301);
    assert_eq!(verify_at(NOW + 300), Ok(()));
    assert_eq!(verify_at(NOW - 300), Ok(()));
    assert_eq!(
        verify_at(NOW + 301),
        Err(VerifyError::TimestampTooOld(outside))
    );
    assert_eq!(
        verify_at(NOW - 301),
        Err(VerifyError::TimestampTooNew(outside))
    );
    assert!(matches!(
        verify_at(i64::MAX),
        Err(VerifyError::TimestampTooOld(_))
    ));
    assert!(matches!(
        verify_at(i64::MIN),
        Err(VerifyError::TimestampTooNew(_))
    ));
}

#[rstest]
#[case("yesterday")]
#[case("1614265330.0")]
#[case(" 1614265330")]
#[case("99999999999999999999")]
fn a_timestamp_is_a_whole_number(#[case] timestamp: &str) {
    let verdict = verify(
        [&official()],
        Some(ID),
        Some(timestamp),
        Some(SIGNATURE),
        BODY,
        NOW,
        TOLERANCE,
    );
    assert_eq!(
        verdict,
        Err(VerifyError::MalformedHeader(WEBHOOK_TIMESTAMP))
    );
}

#[rstest]
#[case("+1614265330")]
#[case("01614265330")]
#[case("1614265331")]
fn only_the_spelling_that_was_signed_verifies(#[case] timestamp: &str) {
    let verdict = verify(
        [&official()],
        Some(ID),
        Some(timestamp),
        Some(SIGNATURE),
        BODY,
        NOW,
        TOLERANCE,
    );
    assert_eq!(verdict, Err(VerifyError::NoMatch));
}

#[test]
fn an_id_cannot_borrow_from_what_follows_it() {
    let signature = sign(&official(), "msg_1.1614265330", NOW, b"x");
    let as_signed = verify(
        [&official()],
        Some("msg_1.1614265330"),
        Some("1614265330"),
        Some(&signature),
        b"x",
        NOW,
        TOLERANCE,
    );
    assert_eq!(as_signed, Err(VerifyError::MalformedHeader(WEBHOOK_ID)));
}

#[test]
fn the_id_the_body_and_the_secret_are_bound() {
    let verify = |secret: &Secret, id: &str, body: &[u8]| {
        verify(
            [secret],
            Some(id),
            Some("1614265330"),
            Some(SIGNATURE),
            body,
            NOW,
            TOLERANCE,
        )
    };
    assert_eq!(
        verify(&official(), "msg_other", BODY),
        Err(VerifyError::NoMatch)
    );
    assert_eq!(
        verify(&official(), ID, br#"{"test":2432232314}"#),
        Err(VerifyError::NoMatch)
    );
    assert_eq!(verify(&other(), ID, BODY), Err(VerifyError::NoMatch));
}

#[rstest]
#[case::other_version("v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")]
#[case::later_version("v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")]
#[case::without_version("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")]
#[case::truncated("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ")]
#[case::cut_in_base64("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE")]
#[case::empty_value("v1,")]
#[case::not_base64("v1,!!!!")]
#[case::separated_by_commas("v1,AAAA,v1,BBBB")]
#[case::blank("   ")]
fn a_header_without_one_signature_is_malformed(#[case] header: &str) {
    assert_eq!(
        verify_signature(header),
        Err(VerifyError::MalformedHeader(WEBHOOK_SIGNATURE))
    );
    // The good one beside it counts all the same, wherever it stands.
    assert_eq!(verify_signature(&format!("{header} {SIGNATURE}")), Ok(()));
    assert_eq!(verify_signature(&format!("{SIGNATURE} {header}")), Ok(()));
}

#[test]
fn during_rotation_either_secret_verifies() {
    let (new, old) = (other(), official());
    let header = header_value([&new, &old], ID, NOW, BODY);
    assert_eq!(header.split(' ').count(), 2);
    assert!(header.ends_with(SIGNATURE));

    let verify = |secrets: &[Secret]| {
        verify(
            secrets,
            Some(ID),
            Some("1614265330"),
            Some(&header),
            BODY,
            NOW,
            TOLERANCE,
        )
    };
    assert_eq!(verify(std::slice::from_ref(&new)), Ok(()));
    assert_eq!(verify(std::slice::from_ref(&old)), Ok(()));
    assert_eq!(
        verify(&[Secret::from_bytes(vec![9; 24]).unwrap(), old]),
        Ok(())
    );
    assert_eq!(
        verify(&[Secret::from_bytes(vec![9; 24]).unwrap()]),
        Err(VerifyError::NoMatch)
    );
    assert_eq!(verify(&[]), Err(VerifyError::NoMatch));
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_no_flipped_bit_does(
        key in prop::collection::vec(any::<u8>(), 24..=64),
        id in "[a-zA-Z0-9_-]{1,64}",
        now in any::<i64>(),
        body in prop::collection::vec(any::<u8>(), 1..512),
        flip in any::<prop::sample::Index>(),
    ) {
        let secret = Secret::from_bytes(key).unwrap();
        let signature = sign(&secret, &id, now, &body);
        let timestamp = now.to_string();
        let verify = |signature: &str, body: &[u8]| {
            verify([&secret], Some(&id), Some(&timestamp), Some(signature), body, now, TOLERANCE)
        };
        prop_assert_eq!(verify(&signature, &body), Ok(()));

        let mut flipped = body.clone();
        let bit = flip.index(body.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(verify(&signature, &flipped), Err(VerifyError::NoMatch));

        let mut tag = BASE64_STANDARD.decode(&signature["v1,".len()..]).unwrap();
        let bit = flip.index(tag.len() * 8);
        tag[bit / 8] ^= 1 << (bit % 8);
        let forged = format!("v1,{}", BASE64_STANDARD.encode(tag));
        prop_assert_eq!(verify(&forged, &body), Err(VerifyError::NoMatch));
    }

    #[test]
    fn any_headers_are_read_without_a_panic(
        id in ".*", timestamp in ".*", signature in "((v1,)?[a-zA-Z0-9+/= ]*)*|.*",
    ) {
        let verdict =
            verify([&official()], Some(&id), Some(&timestamp), Some(&signature), BODY, NOW, TOLERANCE);
        prop_assert!(verdict.is_err());
    }
}
