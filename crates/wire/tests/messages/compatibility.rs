//! What earlier versions have written is still read, and what later ones may add is ignored.
//!
//! `fixtures/v1` holds every message as the first version encoded it. A fixture is never written
//! again: a message that can't be read any more would be lost in the queues of whoever upgrades.
//! For a new message or field, add a sample and a line to `fixtures()` and run
//! `cargo test -p wire --test messages -- --ignored`, which writes the missing files alone.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use domain::outcome::Failure;

use crate::samples;

/// A fixture's name, the bytes to write where the file is missing, and the check that the file's
/// bytes still mean what they meant.
type Fixture = (&'static str, Bytes, Box<dyn Fn(Bytes)>);

fn fixtures() -> Vec<Fixture> {
    let mut fixtures: Vec<Fixture> = Vec::new();
    for (name, event) in [
        ("accepted_minted", samples::minted()),
        ("accepted_keyed", samples::keyed()),
        ("accepted_violating", samples::violating()),
    ] {
        let bytes = wire::accepted::encode(&event);
        let check = move |item| assert_eq!(wire::accepted::decode(item).unwrap(), event);
        fixtures.push((name, bytes, Box::new(check)));
    }
    for (name, content, targets) in [
        (
            "dispatch_inline",
            samples::inline(),
            samples::targets().to_vec(),
        ),
        (
            "dispatch_stored",
            samples::stored(),
            samples::targets().to_vec(),
        ),
        (
            "dispatch_traced",
            samples::inline(),
            vec![samples::traced()],
        ),
    ] {
        let bytes = wire::dispatch::encode(&content, &targets);
        let expected = samples::dispatches(content, &targets);
        let check = move |item| assert_eq!(wire::dispatch::decode(item).unwrap(), expected);
        fixtures.push((name, bytes, Box::new(check)));
    }
    for (name, report) in samples::reports() {
        let bytes = wire::report::encode(&report);
        let check = move |item| assert_eq!(wire::report::decode(item).unwrap(), report);
        fixtures.push((name, bytes, Box::new(check)));
    }
    for (name, watermark) in [
        ("watermark", samples::watermark()),
        ("watermark_of_an_empty_queue", samples::caught_up()),
    ] {
        let bytes = wire::watermark::encode(&watermark);
        let check = move |item| assert_eq!(wire::watermark::decode(item).unwrap(), watermark);
        fixtures.push((name, bytes, Box::new(check)));
    }
    for (name, notice) in samples::breakers() {
        let bytes = wire::breaker::encode(&notice);
        let check = move |item| assert_eq!(wire::breaker::decode(item).unwrap(), notice);
        fixtures.push((name, bytes, Box::new(check)));
    }
    for (name, event) in [
        ("inbox_event", samples::inbox()),
        ("inbox_event_bare", samples::inbox_bare()),
    ] {
        let bytes = wire::inbox::encode(&event);
        let check = move |body| assert_eq!(wire::inbox::decode(body).unwrap(), event);
        fixtures.push((name, bytes, Box::new(check)));
    }
    fixtures.push((
        "inbox_batch",
        wire::inbox::encode_batch(&[samples::inbox(), samples::inbox_bare()]),
        Box::new(|body| {
            let events = wire::inbox::split_batch(body).unwrap();
            let events: Vec<_> = events
                .into_iter()
                .map(|event| wire::inbox::decode(event).unwrap())
                .collect();
            assert_eq!(events, [samples::inbox(), samples::inbox_bare()]);
        }),
    ));
    fixtures.push((
        "batch",
        wire::batch::join(vec![
            wire::accepted::encode(&samples::minted()),
            wire::accepted::encode(&samples::keyed()),
        ]),
        Box::new(|body| {
            let items = wire::batch::split(body).unwrap();
            let events: Vec<_> = items
                .into_iter()
                .map(|item| wire::accepted::decode(item).unwrap())
                .collect();
            assert_eq!(events, [samples::minted(), samples::keyed()]);
        }),
    ));
    fixtures
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v1/{name}.bin"))
}

fn read(name: &str) -> Vec<u8> {
    let path = path(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn old_bytes_are_still_read() {
    for (name, _, check) in fixtures() {
        println!("{name}");
        check(read(name).into());
    }
}

/// Fields of every wire type, under numbers that no message of ours uses.
#[test]
fn fields_of_later_versions_are_ignored() {
    let varint = [0xf8, 0x3f, 0x2a];
    let eight_bytes = [0xf9, 0x3f, 1, 2, 3, 4, 5, 6, 7, 8];
    let bytes = [0xfa, 0x3f, 3, b'n', b'e', b'w'];
    let four_bytes = [0xfd, 0x3f, 1, 2, 3, 4];
    for (name, _, check) in fixtures() {
        for unknown in [&varint[..], &eight_bytes, &bytes, &four_bytes] {
            println!("{name} with {unknown:02x?}");
            check([&read(name), unknown].concat().into());
        }
    }
}

/// A dispatcher of a later version may report a failure that has no name yet: the attempt counts.
#[test]
fn failures_of_later_versions_are_reports_all_the_same() {
    let mut bytes = read("report_dead");
    let (ours, theirs) = (b"dns_not_found", b"dns_of_a_kind");
    let at = bytes.windows(ours.len()).position(|window| window == ours);
    let at = at.expect("the fixture has this failure");
    bytes[at..at + theirs.len()].copy_from_slice(theirs);
    let report = wire::report::decode(bytes.into()).unwrap();
    let failure = report.attempt.and_then(|attempt| attempt.failure());
    assert_eq!(failure, Some(Failure::Unknown));
}

/// No fixture is left behind when its line is removed here.
#[test]
fn every_fixture_is_checked() {
    let folder = path("batch").parent().unwrap().to_owned();
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut listed: Vec<_> = fixtures()
        .iter()
        .map(|(name, ..)| format!("{name}.bin"))
        .collect();
    found.sort();
    listed.sort();
    assert_eq!(found, listed);
}

#[test]
#[ignore = "writes the fixtures that are missing; never writes one again"]
fn write_missing_fixtures() {
    for (name, bytes, _) in fixtures() {
        if !path(name).exists() {
            fs::write(path(name), bytes).unwrap();
        }
    }
}
