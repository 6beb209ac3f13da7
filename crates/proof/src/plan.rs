//! What is published and who receives it, as a function of an event's number: publisher, receiver
//! and oracle know the same without asking one another.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The tenant that everything is published for.
pub const TENANT: &str = "proof";

/// The bytes of a payload's hash that are kept: two of 2^64 payloads have the same.
const HASH_BYTES: usize = 16;

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Nearly all events arrive at the first attempt; one in ten fails once at one of its
    /// endpoints, and one in a hundred is given up at another.
    Everyday,
    /// Every event's delivery fails three times, and so is parked three times.
    Retries,
}

/// How a receiver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Always 200.
    Willing,
    /// 404 so many times for each event, then 200. It is no status that opens a circuit breaker,
    /// which would leave the endpoint alone.
    FailsFirst(u32),
    /// Always 404.
    Unwilling,
}

/// An endpoint of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name, which is also the path at the receiver.
    pub name: &'static str,
    /// The event type it selects.
    pub event_type: &'static str,
    /// What it answers.
    pub behaviour: Behaviour,
    /// The seconds between its attempts.
    pub waits_s: &'static [u64],
}

const PLAIN: &str = "proof.plain";
const FLAKY: &str = "proof.flaky";
const DOOMED: &str = "proof.doomed";
const PARKED: &str = "proof.parked";

const EVERYDAY: [Endpoint; 3] = [
    Endpoint {
        name: "willing",
        event_type: "*",
        behaviour: Behaviour::Willing,
        waits_s: &[1, 1, 2, 5, 10],
    },
    Endpoint {
        name: "flaky",
        event_type: FLAKY,
        behaviour: Behaviour::FailsFirst(1),
        waits_s: &[2, 2, 5, 10],
    },
    Endpoint {
        name: "unwilling",
        event_type: DOOMED,
        behaviour: Behaviour::Unwilling,
        waits_s: &[1, 2],
    },
];

const RETRIES: [Endpoint; 1] = [Endpoint {
    name: "late",
    event_type: PARKED,
    behaviour: Behaviour::FailsFirst(3),
    waits_s: &[5, 10, 30, 30, 30, 60, 60],
}];

impl Load {
    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everyday => "everyday",
            Self::Retries => "retries",
        }
    }

    /// Who receives.
    #[must_use]
    pub const fn endpoints(self) -> &'static [Endpoint] {
        match self {
            Self::Everyday => &EVERYDAY,
            Self::Retries => &RETRIES,
        }
    }

    /// The type of an event.
    #[must_use]
    pub const fn event_type(self, number: u64) -> &'static str {
        match self {
            Self::Retries => PARKED,
            Self::Everyday if number.is_multiple_of(100) => DOOMED,
            Self::Everyday if number % 10 == 1 => FLAKY,
            Self::Everyday => PLAIN,
        }
    }

    /// The positions of the endpoints that an event is for.
    pub fn expected(self, number: u64) -> impl Iterator<Item = usize> {
        let event_type = self.event_type(number);
        let all = self.endpoints().iter().enumerate();
        all.filter(move |(_, one)| one.event_type == "*" || one.event_type == event_type)
            .map(|(position, _)| position)
    }

    /// The position of the endpoint with this name.
    #[must_use]
    pub fn position(self, name: &str) -> Option<usize> {
        self.endpoints().iter().position(|one| one.name == name)
    }
}

/// The payload of an event, of about so many bytes: with everything that a JSON library on the way
/// would change, and unlike any other payload.
#[must_use]
pub fn payload(seed: u64, number: u64, bytes: usize) -> String {
    let mut data = format!(
        r#"{{"number": {number},"seed":{seed} ,"exact":1.10,"large":9007199254740993,"twice":1,"twice":2,"text":"\u0000é\/","pad":""#
    );
    let left = bytes.saturating_sub(data.len() + 2);
    for step in 0..left.div_ceil(HASH_BYTES) {
        // Writing to a String does not fail.
        let _infallible = write!(
            data,
            "{:016x}",
            number.wrapping_mul(31).wrapping_add(step as u64)
        );
    }
    data.push_str("\"}");
    data
}

/// The hash of a payload's bytes.
#[must_use]
pub fn hash(data: &[u8]) -> String {
    hex::encode(&Sha256::digest(data)[..HASH_BYTES])
}

/// The payload's bytes in the body of a delivery, in the `guide` format; the whole body where it
/// has none.
#[must_use]
pub fn payload_of(body: &[u8]) -> &[u8] {
    const BEGIN: &[u8] = br#","data":"#;
    const END: &[u8] = br#","timestamp":""#;
    let find = |what: &[u8]| body.windows(what.len()).position(|window| window == what);
    let begin = find(BEGIN).map(|at| at + BEGIN.len());
    let end = body.windows(END.len()).rposition(|window| window == END);
    match (begin, end) {
        (Some(begin), Some(end)) if begin <= end => &body[begin..end],
        _ => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_somebody_who_receives_it() {
        for load in [Load::Everyday, Load::Retries] {
            for number in 0..200 {
                assert!(load.expected(number).next().is_some(), "{load:?} {number}");
            }
        }
        assert_eq!(Load::Everyday.expected(100).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(Load::Everyday.expected(11).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_payload_is_json_and_is_found_in_its_delivery() {
        let data = payload(7, 42, 512);
        serde_json::from_str::<serde_json::Value>(&data).unwrap();
        assert!((500..600).contains(&data.len()), "{}", data.len());
        assert_ne!(hash(data.as_bytes()), hash(payload(7, 43, 512).as_bytes()));
        let body = format!(r#"{{"event":"a","data":{data},"timestamp":"2026","signature":"0"}}"#);
        assert_eq!(payload_of(body.as_bytes()), data.as_bytes());
        assert_eq!(payload_of(b"nonsense"), b"nonsense");
    }
}
