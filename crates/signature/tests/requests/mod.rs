//! Genuine and forged requests, as arguments and input of a program of docs/receiving.md.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use signature::{Secret, guide, standard};

const ID: &str = "evt_019ab2c53f6e7d10a4b8c6d2e0f13579";

/// What a program must say.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    Genuine,
    Forged,
    /// The secret is unusable: the program must not run, and least of all say "genuine".
    Misconfigured,
}

pub(crate) struct Request {
    pub(crate) name: &'static str,
    /// The secret, then either nothing or the three headers.
    pub(crate) arguments: Vec<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) verdict: Verdict,
}

/// Signed now: the programs compare the time with their own clock.
pub(crate) fn requests() -> Vec<Request> {
    let mut all = bodies();
    all.extend(headers());
    all.extend(secrets());
    all
}

fn secret() -> Secret {
    Secret::from_bytes((0..32).map(|byte| byte ^ 0xa5).collect()).expect("32 bytes are a secret")
}

fn other_secret() -> Secret {
    Secret::from_bytes(vec![9; 24]).expect("24 bytes are a secret")
}

fn unsigned(data: &[u8]) -> Vec<u8> {
    let timestamp = br#","timestamp":"2026-11-23T18:00:00Z"}"#.as_slice();
    [
        br#"{"event":"shipment.created","data":"#.as_slice(),
        data,
        timestamp,
    ]
    .concat()
}

fn sealed(data: &[u8]) -> Vec<u8> {
    guide::seal(&secret(), &unsigned(data)).expect("the body is an object")
}

/// The body alone.
fn bodies() -> Vec<Request> {
    use Verdict::{Forged, Genuine};

    let request = |name, body, verdict| Request {
        name,
        arguments: vec![secret().expose()],
        body,
        verdict,
    };
    let edited = |edit: fn(&mut Vec<u8>)| {
        let mut body = sealed(br#"{"id":"shp_1"}"#);
        edit(&mut body);
        body
    };
    let numbers = br#"[9007199254740993,1e400,-0,1.10,{"a":1,"a":2}, "\u0000\ud800"]"#;
    let look_alike = br#"{"x":"y","signature":"0000000000000000000000000000000000000000000000000000000000000000"}"#;
    let by_another = guide::seal(&other_secret(), &unsigned(b"1")).expect("an object");
    vec![
        request("a body", sealed(br#"{"id":"shp_1"}"#), Genuine),
        request("numbers that no parser keeps", sealed(numbers), Genuine),
        request("the member within data", sealed(look_alike), Genuine),
        request(
            "bytes that are no UTF-8",
            sealed(b"\"\xff\xf0\x9f\x93\xae\""),
            Genuine,
        ),
        request("200 KB", sealed(&vec![b'7'; 200_000]), Genuine),
        request("a letter changed", edited(|body| body[2] ^= 1), Forged),
        request(
            "a digit changed",
            edited(|body| *body.iter_mut().nth_back(2).expect("long") ^= 1),
            Forged,
        ),
        request("a line feed added", edited(|body| body.push(b'\n')), Forged),
        request(
            "a space before",
            edited(|body| body.insert(0, b' ')),
            Forged,
        ),
        request(
            "cut short",
            edited(|body| body.truncate(body.len() - 1)),
            Forged,
        ),
        request(
            "upper case",
            edited(|body| body.make_ascii_uppercase()),
            Forged,
        ),
        request("no member", unsigned(b"1"), Forged),
        request("a look-alike alone", look_alike.to_vec(), Forged),
        request("an empty object", b"{}".to_vec(), Forged),
        request("no body", Vec::new(), Forged),
        request("another's secret", by_another, Forged),
    ]
}

/// A genuine body under headers that may not be.
fn headers() -> Vec<Request> {
    use Verdict::{Forged, Genuine};

    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is later than 1970");
    let now = i64::try_from(now.as_secs()).expect("it is not the year 292277026596 yet");
    let body = sealed("{\"id\":\"shp_1\",\"note\":\"\u{1f4ee}\"}".as_bytes());
    let sign = |at: i64| standard::sign(&secret(), ID, at, &body);
    let request = |name, id: &str, timestamp: String, signatures: String, verdict| Request {
        name,
        arguments: vec![secret().expose(), id.to_owned(), timestamp, signatures],
        body: body.clone(),
        verdict,
    };
    let at = |name, at: i64, verdict| request(name, ID, at.to_string(), sign(at), verdict);
    let with =
        |name, signatures: String, verdict| request(name, ID, now.to_string(), signatures, verdict);
    let good = sign(now);
    let by_another = standard::sign(&other_secret(), ID, now, &body);
    vec![
        with("headers", good.clone(), Genuine),
        with(
            "two secrets, ours last",
            format!("{by_another} {good}"),
            Genuine,
        ),
        with("versions to skip", format!("v1a,AAAA {good} v2,!"), Genuine),
        at("two minutes old", now - 120, Genuine),
        at("ten minutes old", now - 600, Forged),
        at("ten minutes ahead", now + 600, Forged),
        request("another id", "evt_0", now.to_string(), good.clone(), Forged),
        request(
            "another time",
            ID,
            (now - 1).to_string(),
            good.clone(),
            Forged,
        ),
        request(
            "a time in words",
            ID,
            "now".to_owned(),
            good.clone(),
            Forged,
        ),
        request(
            "a time without end",
            ID,
            "9".repeat(400),
            good.clone(),
            Forged,
        ),
        with("another version", good.replacen("v1,", "v1a,", 1), Forged),
        with(
            "a signature cut short",
            good[..good.len() - 4].to_owned(),
            Forged,
        ),
        with("another's secret in the headers", by_another, Forged),
        with("no base64", "v1,!!!".to_owned(), Forged),
        with("nothing after the version", "v1,".to_owned(), Forged),
        with("an empty header", String::new(), Forged),
    ]
}

/// A secret that isn't there is a key that everybody knows.
fn secrets() -> Vec<Request> {
    let unsigned = unsigned(b"1");
    let mut mac = Hmac::<Sha256>::new_from_slice(b"").expect("HMAC takes a key of any length");
    mac.update(&unsigned);
    let digits = hex::encode(mac.finalize().into_bytes());
    let prefix = std::str::from_utf8(&unsigned[..unsigned.len() - 1]).expect("it is text");
    let body = format!(r#"{prefix},"signature":"{digits}"}}"#).into_bytes();
    let request = |name, secret: &str| Request {
        name,
        arguments: vec![secret.to_owned()],
        body: body.clone(),
        verdict: Verdict::Misconfigured,
    };
    vec![
        request("an empty secret", ""),
        request("a secret without a key", "whsec_"),
        request("a secret cut short", "whsec_AAAA"),
    ]
}
