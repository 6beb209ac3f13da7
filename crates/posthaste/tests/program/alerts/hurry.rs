//! The alert rules, so that what takes minutes takes seconds.
//!
//! Windows and `for` are shortened, and so are the three thresholds that are ages. All else, what is
//! asked and how much of it is too much, is as it is in `deploy/`.

use regex::{Captures, Regex};

/// A minute of a window, in seconds: the shortest window still holds many scrapes.
const WINDOW_S: u32 = 3;
/// A minute of `for`, in seconds.
const FOR_S: u32 = 1;
/// The ages above which something is late. Ledger and queues are looked at every five seconds.
const AGES: [(&str, &str); 3] = [
    ("[1h])) > 120", "[1h])) > 12"),
    ("[1h])) > 1800", "[1h])) > 12"),
    ("[1h])) > 60", "[1h])) > 12"),
];

/// These rules, in a hurry.
pub(super) fn hurry(rules: &str) -> String {
    let mut rules = rules.to_owned();
    for (age, shorter) in AGES {
        assert_eq!(rules.matches(age).count(), 1, "{age}");
        rules = rules.replace(age, shorter);
    }
    let windows = Regex::new(r"\[(\d+)([mh])\]").unwrap();
    let rules = windows.replace_all(&rules, |found: &Captures<'_>| {
        format!("[{}s]", minutes(found) * WINDOW_S)
    });
    let durations = Regex::new(r"for: (\d+)(m)").unwrap();
    let rules = durations.replace_all(&rules, |found: &Captures<'_>| {
        format!("for: {}s", minutes(found) * FOR_S)
    });
    rules.into_owned()
}

fn minutes(found: &Captures<'_>) -> u32 {
    let number: u32 = found[1].parse().unwrap();
    if &found[2] == "h" {
        number * 60
    } else {
        number
    }
}
