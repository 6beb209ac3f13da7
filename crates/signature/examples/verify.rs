//! verify <secret> [<webhook-id> <webhook-timestamp> <webhook-signature>] < body

use std::error::Error;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use signature::{Secret, VerifyError, guide, standard};

fn verify_body(secret: &Secret, body: &[u8]) -> Result<(), VerifyError> {
    guide::verify([secret], body)
}

fn verify_headers(
    secret: &Secret,
    [id, timestamp, signatures]: [Option<&str>; 3],
    body: &[u8],
) -> Result<(), Box<dyn Error>> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)?
        .as_secs()
        .try_into()?;
    standard::verify(
        [secret],
        id,
        timestamp,
        signatures,
        body,
        now,
        standard::TOLERANCE,
    )?;
    Ok(())
}

pub(crate) fn verify(arguments: &[String], body: &[u8]) -> Result<(), Box<dyn Error>> {
    let [secret, headers @ ..] = arguments else {
        return Err("no secret given".into());
    };
    let secret = Secret::parse(secret)?;
    verify_body(&secret, body)?;
    if let [id, timestamp, signatures] = headers {
        verify_headers(&secret, [Some(id), Some(timestamp), Some(signatures)], body)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    verify(&arguments, &body)
}
