//! The two processes' journals, read back.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};

use crate::journal;
use crate::oracle::{Accepted, Arrival, EventId, Evidence};
use crate::plan::Load;

/// The publisher's journal.
pub const PUBLISHED: &str = "published";
/// The receiver's journal.
pub const RECEIVED: &str = "received";

const EVENT_PREFIX: &str = "evt_";

/// An event's id as the program writes it.
#[must_use]
pub fn event_id(event: EventId) -> String {
    format!("{EVENT_PREFIX}{event:032x}")
}

/// An event's id from what the program wrote.
#[must_use]
pub fn parse_event_id(text: &str) -> Option<EventId> {
    let digits = text.strip_prefix(EVENT_PREFIX)?;
    u128::from_str_radix(digits, 16).ok()
}

/// Reads both journals; the dead letters are left out.
///
/// # Errors
/// When one can't be read, or holds a line that is none.
pub fn gather(load: Load, directory: &Path) -> anyhow::Result<Evidence> {
    let mut evidence = Evidence::default();
    // When each event was sent last.
    let mut sent_us = HashMap::new();
    for line in journal::read(&directory.join(PUBLISHED))? {
        let line = line?;
        let strange = || format!("a strange line of the publisher's: {line}");
        let words: Vec<&str> = line.split(' ').collect();
        let [what, number, told, at] = words[..] else {
            bail!(strange());
        };
        let (number, at_us) = (number.parse()?, at.parse()?);
        match what {
            "sent" => {
                let hash = u128::from_str_radix(told, 16).with_context(strange)?;
                evidence.sent.insert(number, hash);
                sent_us.insert(number, at_us);
            }
            "accepted" => evidence.accepted.push(Accepted {
                number,
                event: parse_event_id(told).with_context(strange)?,
                sent_us: *sent_us.get(&number).with_context(strange)?,
                accepted_us: at_us,
            }),
            "refused" | "odd" => {}
            _ => bail!(strange()),
        }
    }
    evidence.accepted.sort_by_key(|one| one.accepted_us);
    for line in journal::read(&directory.join(RECEIVED))? {
        let line = line?;
        let arrival = arrival(load, &line);
        let arrival = arrival.with_context(|| format!("a strange line of the receiver's: {line}"));
        evidence.arrivals.push(arrival?);
    }
    Ok(evidence)
}

fn arrival(load: Load, line: &str) -> Option<Arrival> {
    let words: Vec<&str> = line.split(' ').collect();
    let ["got", endpoint, event, hash, status, at] = words[..] else {
        return None;
    };
    Some(Arrival {
        endpoint: load.position(endpoint)?,
        event: parse_event_id(event)?,
        hash: u128::from_str_radix(hash, 16).ok()?,
        status: status.parse().ok()?,
        at_us: at.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(published: &str, received: &str) -> anyhow::Result<Evidence> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [(PUBLISHED, published), (RECEIVED, received)] {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        gather(Load::Everyday, directory.path())
    }

    #[test]
    fn what_was_written_down_is_evidence() {
        let id = event_id(0xabc);
        let published =
            format!("sent 7 ff 10\nrefused 7 503 20\nsent 7 ff 30\naccepted 7 {id} 40\n");
        let received = format!("got willing {id} ff 200 50\n");
        let evidence = gathered(&published, &received).unwrap();
        assert_eq!(evidence.sent, HashMap::from([(7, 0xff)]));
        let accepted = Accepted {
            number: 7,
            event: 0xabc,
            sent_us: 30,
            accepted_us: 40,
        };
        assert_eq!(evidence.accepted, [accepted]);
        let arrival = Arrival {
            endpoint: 0,
            event: 0xabc,
            hash: 0xff,
            status: 200,
            at_us: 50,
        };
        assert_eq!(evidence.arrivals, [arrival]);
    }

    #[test]
    fn a_line_that_is_none_is_no_evidence() {
        for (published, received) in [
            ("accepted 7 evt_1 40\n", ""),
            ("sent 7 ff\n", ""),
            ("", "got nowhere evt_1 ff 200 50\n"),
        ] {
            gathered(published, received).unwrap_err();
        }
    }
}
