//! The waits between attempts, as a field shows and takes them: `5 s, 2 min, 1 h`.

use service::problem::Problem;

use super::words;
use crate::problem;
use crate::resources::retry::Retry;

/// Units, each with how people write it and its seconds, the largest first.
const UNITS: [(&[&str], u64); 4] = [
    (&["d", "day", "days"], 86_400),
    (&["h", "hour", "hours"], 3_600),
    (&["min", "m", "minute", "minutes"], 60),
    (&["s", "sec", "second", "seconds", ""], 1),
];

/// The waits in seconds, each in the largest unit that is exact.
pub(super) fn written(waits_s: &[u64]) -> String {
    let one = |seconds: &u64| {
        let exact = UNITS
            .iter()
            .find(|(_, unit)| *seconds >= *unit && seconds.is_multiple_of(*unit));
        let (names, unit) = exact.unwrap_or(&UNITS[UNITS.len() - 1]);
        format!("{} {}", seconds / unit, names[0])
    };
    waits_s.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The waits that were written, in seconds; none of them is judged yet.
pub(super) fn read(text: &str) -> Result<Vec<u64>, Problem> {
    let parts = text.split([',', ';']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(wait).collect()
}

fn wait(part: &str) -> Result<u64, Problem> {
    let end = part.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = part.split_at(end.unwrap_or(part.len()));
    let unit = unit.trim().to_ascii_lowercase();
    let known = UNITS.iter().find(|(names, _)| names.contains(&&*unit));
    match (number.parse::<u64>(), known) {
        (Ok(number), Some((_, seconds))) => Ok(number.saturating_mul(*seconds)),
        _ => {
            let detail = format!("“{part}” is no wait: write such as 30 s, 5 min or 2 h");
            Err(problem::invalid("#/retry_waits_s", detail))
        }
    }
}

/// What a policy comes to.
pub(super) fn in_words(retry: &Retry) -> String {
    match retry.attempts {
        1 => "One attempt, and no more: what fails is given up at once.".to_owned(),
        attempts => {
            let span = words::wait(retry.span_s);
            format!("{attempts} attempts in all. A delivery survives an outage of {span}.")
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("5 s, 2 min, 1h", &[5, 120, 3_600])]
    #[case("30", &[30])]
    #[case(" 90 seconds ; 2 Hours,", &[90, 7_200])]
    #[case("1 d", &[86_400])]
    #[case("", &[])]
    #[case("99999999999999999 d", &[u64::MAX])]
    fn what_people_write(#[case] text: &str, #[case] waits_s: &[u64]) {
        assert_eq!(read(text).unwrap(), waits_s);
    }

    #[rstest]
    #[case("soon")]
    #[case("5 s, -1 s")]
    #[case("1.5 h")]
    #[case("5 fortnights")]
    #[case("99999999999999999999 s")]
    fn what_is_no_wait(#[case] text: &str) {
        let problem = read(text).unwrap_err();
        assert_eq!(problem.faults()[0].pointer, "#/retry_waits_s");
    }

    #[test]
    fn what_is_shown_is_read_as_what_it_was() {
        let waits_s = [1, 59, 60, 90, 120, 3_600, 5_400, 36_000, 86_400, 90_000, 0];
        let shown = written(&waits_s);
        assert!(shown.starts_with("1 s, 59 s, 1 min, 90 s, 2 min, 1 h, 90 min"));
        assert_eq!(read(&shown).unwrap(), waits_s);
    }
}
