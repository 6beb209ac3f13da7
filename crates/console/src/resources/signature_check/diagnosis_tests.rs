use rstest::rstest;
use serde_json::Value;

use super::*;

const NOW: i64 = 1_795_456_801;
const TEXT: &str = "whsec_cG9zdGhhc3RlOiBhbiBleGFtcGxlLCBub3QgeW91cnM=";
const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "evt_1";

fn secret(text: &str) -> Secret {
    Secret::parse(text).unwrap()
}

/// A body of ours, sealed.
fn body() -> Vec<u8> {
    let unsigned = "{\"event\":\"user.created\",\"data\":{\"id\":\"é/1\",\"n\":1.10},\"timestamp\":\"2026-11-23T18:00:00Z\"}";
    guide::seal(&secret(TEXT), unsigned.as_bytes()).unwrap()
}

struct Request {
    headers: [Option<String>; 3],
    body: Vec<u8>,
}

impl Request {
    /// As it was sent.
    fn sent() -> Self {
        let body = body();
        let signature = standard::sign(&secret(TEXT), ID, NOW, &body);
        let headers = [ID.to_owned(), NOW.to_string(), signature];
        Self {
            headers: headers.map(Some),
            body,
        }
    }

    fn with_body(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::sent()
        }
    }

    fn check(&self, given: &str, own: Option<&[Secret]>, now: i64) -> Reason {
        let [id, timestamp, signatures] = self.headers.each_ref().map(Option::as_deref);
        let received = Received {
            id,
            timestamp,
            signatures,
            body: &self.body,
        };
        of(given, own, &received, now)
    }

    fn check_now(&self) -> Reason {
        self.check(TEXT, None, NOW)
    }
}

#[test]
fn what_is_genuine_and_when_it_was_signed() {
    let request = Request::sent();
    assert_eq!(request.check_now(), Reason::Genuine);
    assert_eq!(request.check(TEXT, None, NOW + 300), Reason::Genuine);
    let old = Reason::TooOld(Duration::from_secs(301));
    assert_eq!(request.check(TEXT, None, NOW + 301), old);
    let new = Reason::TooNew(Duration::from_secs(400));
    assert_eq!(request.check(TEXT, None, NOW - 400), new);
    assert!(old.holds() && new.holds());
}

/// As libraries write it: sorted, spaced, escaped.
fn as_python() -> String {
    let value: Value = serde_json::from_slice(&body()).unwrap();
    let text = serde_json::to_string_pretty(&value).unwrap();
    // 1.10 came out as 1.1: a number can't be brought back, so this test has it as it was.
    text.replace("1.1", "1.10").replace('é', "\\u00e9")
}

#[test]
fn what_was_done_to_the_body() {
    let text = String::from_utf8(body()).unwrap();
    let check = |body: String| Request::with_body(body).check_now();
    assert_eq!(check(format!("{text}\r\n")), Reason::LineEnds);
    assert_eq!(check(format!(" {text}")), Reason::LineEnds);
    assert_eq!(check(as_python()), Reason::EncodedAnew);
    assert_eq!(check(text.replace("\":", "\": ")), Reason::EncodedAnew);
    assert_eq!(check(text.replace('/', "\\/")), Reason::EncodedAnew);
    assert_eq!(check(text[..40].to_owned()), Reason::CutShort);
    assert_eq!(check(String::new()), Reason::CutShort);
}

#[test]
fn a_wrong_secret_is_told_from_a_changed_body_where_the_endpoint_is_known() {
    let own = [secret(TEXT)];
    let sent = Request::sent();
    assert_eq!(sent.check(OTHER, None, NOW), Reason::Unknown);
    let of_endpoint = |request: &Request, given| request.check(given, Some(&own), NOW);
    assert_eq!(of_endpoint(&sent, OTHER), Reason::SecretOfAnother);
    let text = String::from_utf8(body()).unwrap();
    let rounded = Request::with_body(text.replace("1.10", "1.1"));
    assert_eq!(of_endpoint(&rounded, TEXT), Reason::Changed);
    assert_eq!(of_endpoint(&rounded, OTHER), Reason::SecretOfAnother);
    let spaced = Request::with_body(text.replace("1.10", "1.1").replace("\":", "\": "));
    assert_eq!(of_endpoint(&spaced, TEXT), Reason::EncodedAnew);
    // Both are wrong: the secret comes first.
    let both = Request::with_body(text.replace("\":", "\": "));
    assert_eq!(of_endpoint(&both, OTHER), Reason::SecretOfAnother);
}

#[test]
fn headers_of_another_request() {
    let mut request = Request::sent();
    request.headers[1] = Some((NOW + 5).to_string());
    assert_eq!(request.check_now(), Reason::HeadersOfAnother);
}

#[rstest]
#[case(0, None, Reason::HeaderMissing("webhook-id"))]
#[case(2, None, Reason::HeaderMissing("webhook-signature"))]
#[case(0, Some("a.b"), Reason::HeaderMalformed("webhook-id"))]
#[case(1, Some("today"), Reason::HeaderMalformed("webhook-timestamp"))]
#[case(2, Some("deadbeef"), Reason::HeaderMalformed("webhook-signature"))]
fn headers_that_are_none(
    #[case] which: usize,
    #[case] value: Option<&str>,
    #[case] reason: Reason,
) {
    let mut request = Request::sent();
    request.headers[which] = value.map(str::to_owned);
    assert_eq!(request.check_now(), reason);
}

#[test]
fn a_secret_that_is_none_is_not_repeated() {
    for given in [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_???",
        "whsec_aGk=",
    ] {
        let reason = Request::sent().check(given, None, NOW);
        let (meaning, advice) = reason.words();
        assert!(matches!(reason, Reason::SecretUnreadable(_)), "{given}");
        let told = format!("{meaning} {advice}");
        assert!(given.is_empty() || !told.contains(given), "{told}");
    }
}
