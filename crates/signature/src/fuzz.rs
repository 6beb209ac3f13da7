//! Fuzz targets: signing and verifying. `docs/development.md` says how they are run.

use std::time::Duration;

use bolero::check;

use crate::standard::{TOLERANCE, header_value, verify};
use crate::{Secret, guide};

/// How long each target runs as a test.
const BOUND: Duration = Duration::from_secs(1);

const NOW: i64 = 1_700_000_000;
const ID: &str = "evt_1";

fn secrets() -> [Secret; 2] {
    [[1; 32], [2; 32]].map(|key| Secret::from_bytes(key.to_vec()).expect("32 bytes are enough"))
}

/// Whatever is signed verifies, by either of two secrets, and nothing else does.
#[test]
fn round_trip() {
    let secrets = secrets();
    let stranger = Secret::from_bytes(vec![3; 32]).expect("32 bytes are enough");
    check!().with_test_time(BOUND).for_each(|body: &[u8]| {
        let signed = header_value(&secrets, ID, NOW, body);
        let now = NOW.to_string();
        let verifies = |secret: &Secret, body: &[u8]| {
            let headers = (Some(ID), Some(now.as_str()), Some(signed.as_str()));
            let (id, timestamp, signature) = headers;
            verify([secret], id, timestamp, signature, body, NOW, TOLERANCE).is_ok()
        };
        assert!(secrets.iter().all(|secret| verifies(secret, body)));
        assert!(!verifies(&stranger, body));
        let longer = [body, b" "].concat();
        assert!(!verifies(&secrets[0], &longer));
        if let Ok(sealed) = guide::seal(&secrets[0], body) {
            assert!(guide::verify([&secrets[0]], &sealed).is_ok());
            assert!(guide::verify([&stranger], &sealed).is_err());
            assert!(
                sealed.starts_with(&body[..body.len() - 1]),
                "no byte is another"
            );
        }
    });
}

/// Three headers and a body, each on a line of its own: no form of them verifies that nobody signed.
#[test]
fn headers() {
    let secrets = secrets();
    check!().with_test_time(BOUND).for_each(|input: &[u8]| {
        let mut lines = input.splitn(4, |byte| *byte == b'\n');
        let mut header = || lines.next().and_then(|line| std::str::from_utf8(line).ok());
        let (id, timestamp, signature) = (header(), header(), header());
        let body = lines.next().unwrap_or_default();
        let verified = verify(&secrets, id, timestamp, signature, body, NOW, TOLERANCE);
        assert!(verified.is_err());
        assert!(guide::verify(&secrets, input).is_err());
        let text = std::str::from_utf8(input).unwrap_or_default();
        if let Ok(secret) = Secret::parse(text) {
            assert_eq!(secret.expose(), text);
        }
    });
}
