//! Each kind of finding, made by hand.

use super::*;
use crate::plan::{hash, payload};

/// A plain event, which one endpoint gets.
const PLAIN: u64 = 5;
/// A flaky one, which two get.
const FLAKY: u64 = 11;
/// One that is given up at its second endpoint.
const DOOMED: u64 = 100;

fn hash_of(number: u64) -> Hash {
    u128::from_str_radix(&hash(payload(1, number, 256).as_bytes()), 16).unwrap()
}

fn id_of(number: u64) -> EventId {
    u128::from(number) << 64
}

fn arrival(number: u64, endpoint: usize, status: u16) -> Arrival {
    Arrival {
        endpoint,
        event: id_of(number),
        hash: hash_of(number),
        status,
        at_us: 1_000 * number + 500,
    }
}

/// All three were accepted and arrived where they should; number 6 was sent and got no 202.
fn good() -> Evidence {
    let numbers = [PLAIN, FLAKY, DOOMED];
    let sent = numbers.into_iter().chain([6]);
    Evidence {
        sent: sent.map(|number| (number, hash_of(number))).collect(),
        accepted: numbers
            .map(|number| Accepted {
                number,
                event: id_of(number),
                sent_us: 1_000 * number,
                accepted_us: 1_000 * number + 100,
            })
            .into(),
        arrivals: vec![
            arrival(PLAIN, 0, 200),
            arrival(FLAKY, 0, 200),
            arrival(FLAKY, 1, 404),
            arrival(FLAKY, 1, 200),
            arrival(DOOMED, 0, 200),
            arrival(DOOMED, 2, 404),
        ],
        dead_letters: HashSet::from([(id_of(DOOMED), 2)]),
    }
}

fn judged(evidence: &Evidence) -> Findings {
    judge(Load::Everyday, evidence, &[])
}

#[test]
fn a_good_run_is_clean() {
    let findings = judged(&good());
    assert!(findings.is_clean(), "{findings:?}");
    assert_eq!(
        findings,
        Findings {
            sent: 4,
            accepted: 3,
            deliveries: 4,
            failed_attempts: 2,
            dead_letters: 1,
            slowest: Duration::from_micros(400),
            ..Findings::default()
        }
    );
}

#[test]
fn what_never_arrived_is_lost() {
    let mut evidence = good();
    evidence.arrivals.remove(0);
    let findings = judged(&evidence);
    assert_eq!(findings.lost, [(id_of(PLAIN), 0)]);
    assert!(!findings.is_clean());
}

#[test]
fn what_was_never_answered_2xx_is_lost_at_that_endpoint() {
    let mut evidence = good();
    evidence.arrivals.remove(3);
    assert_eq!(judged(&evidence).lost, [(id_of(FLAKY), 1)]);
}

#[test]
fn what_was_given_up_where_nobody_sees_it_is_lost() {
    let mut evidence = good();
    evidence.dead_letters.clear();
    assert_eq!(judged(&evidence).lost, [(id_of(DOOMED), 2)]);
}

#[test]
fn what_nobody_published_is_unexpected() {
    let mut evidence = good();
    evidence.arrivals.push(arrival(7, 0, 200));
    let findings = judged(&evidence);
    assert_eq!((findings.unexpected, findings.recovered), (1, 0));
    assert!(!findings.is_clean());
}

#[test]
fn what_an_endpoint_did_not_select_is_unexpected() {
    let mut evidence = good();
    evidence.arrivals.push(arrival(PLAIN, 1, 200));
    assert_eq!(judged(&evidence).unexpected, 1);
}

#[test]
fn another_payload_is_altered_and_does_not_count_as_delivered() {
    let mut evidence = good();
    evidence.arrivals[0].hash ^= 1;
    let findings = judged(&evidence);
    assert_eq!(findings.altered, 1);
    assert_eq!(findings.lost, [(id_of(PLAIN), 0)]);
}

#[test]
fn another_events_payload_is_altered() {
    let mut evidence = good();
    evidence.arrivals[0].hash = hash_of(6);
    assert_eq!(judged(&evidence).altered, 1);
}

#[test]
fn a_payload_that_was_altered_in_a_failed_attempt_counts_too() {
    let mut evidence = good();
    evidence.arrivals[2].hash ^= 1;
    assert_eq!(judged(&evidence).altered, 1);
}

#[test]
fn a_further_2xx_at_the_same_endpoint_is_a_duplicate() {
    let mut evidence = good();
    evidence.arrivals.push(arrival(PLAIN, 0, 200));
    evidence.arrivals.push(arrival(PLAIN, 0, 204));
    let findings = judged(&evidence);
    assert_eq!(findings.duplicates, 2);
    assert!(findings.is_clean());
}

#[test]
fn the_same_event_under_another_id_is_renamed() {
    let mut evidence = good();
    let mut again = arrival(PLAIN, 0, 200);
    again.event += 1;
    evidence.arrivals.push(again);
    let findings = judged(&evidence);
    assert_eq!((findings.renamed, findings.duplicates), (1, 0));
    assert!(!findings.is_clean());
}

#[test]
fn two_events_accepted_under_one_id_are_found() {
    let mut evidence = good();
    let first = evidence.accepted[0];
    evidence.accepted.push(Accepted { number: 6, ..first });
    assert_eq!(judged(&evidence).renamed, 1);
}

#[test]
fn what_got_no_202_may_arrive_under_one_id() {
    let mut evidence = good();
    evidence.arrivals.push(arrival(6, 0, 200));
    let findings = judged(&evidence);
    assert_eq!(findings.recovered, 1);
    assert!(findings.is_clean());
    let mut again = arrival(6, 0, 200);
    again.event += 1;
    evidence.arrivals.push(again);
    let findings = judged(&evidence);
    assert_eq!((findings.recovered, findings.renamed), (1, 1));
}

#[test]
fn a_202_while_nothing_could_be_stored_is_false() {
    let sent_us = 1_000 * PLAIN;
    let judged = |from_us, to_us| {
        let down = Downtime { from_us, to_us };
        judge(Load::Everyday, &good(), &[down]).false_202s
    };
    assert_eq!(judged(sent_us, sent_us + 100), [id_of(PLAIN)]);
    assert!(judged(sent_us + 1, sent_us + 100).is_empty());
    assert!(judged(sent_us, sent_us + 99).is_empty());
}

#[test]
fn things_go_again_when_what_was_accepted_later_is_attempted() {
    let evidence = good();
    let at = |number| 1_000 * number;
    let resumed = resumed(&evidence, &[at(PLAIN), at(PLAIN) + 101, at(DOOMED) + 101]);
    let later = at(FLAKY) + 500 - (at(PLAIN) + 101);
    assert_eq!(
        resumed,
        [
            Some(Duration::from_micros(500)),
            Some(Duration::from_micros(later)),
            None
        ]
    );
}
