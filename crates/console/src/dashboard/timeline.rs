//! A delivery's attempts on a line of time, drawn on the server.
//!
//! Waits grow from seconds to hours, so the line is logarithmic: a gap that is drawn twice as far
//! along is several times as long, and each that has room says how long it is.

use std::time::Duration;

use time::OffsetDateTime;

use super::state::Instant;
use super::words;

/// How wide the drawing is, and the room at either end.
const WIDTH: f64 = 720.0;
const ROOM: f64 = 28.0;

/// The narrowest gap that has room for words.
const WORDS: f64 = 44.0;

/// What is drawn.
pub(super) struct Timeline {
    pub(super) marks: Vec<Mark>,
    pub(super) gaps: Vec<Gap>,
    /// The same in words, for those who don't see it.
    pub(super) words: String,
    /// When it is attempted next, as planned.
    pub(super) next: Option<Instant>,
}

/// An attempt, made or planned.
pub(super) struct Mark {
    pub(super) x: f64,
    /// `good`, `bad` or `planned`.
    pub(super) tone: &'static str,
    pub(super) number: u16,
}

/// What lies between two attempts.
pub(super) struct Gap {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) is_planned: bool,
    /// How long it is; none where it has no room.
    pub(super) words: Option<String>,
}

impl Gap {
    pub(super) fn middle(&self) -> f64 {
        f64::midpoint(self.from, self.to)
    }
}

/// An attempt that was made.
pub(super) struct Made {
    pub(super) number: u16,
    pub(super) at: OffsetDateTime,
    pub(super) is_good: bool,
}

impl Timeline {
    /// Of attempts in their order, and the next one where one is planned; none where there is no
    /// gap to show.
    pub(super) fn new(made: &[Made], next: Option<OffsetDateTime>) -> Option<Self> {
        let (first, last) = (made.first()?, made.last()?);
        let attempts = made.iter().map(|one| (one.number, one.at, tone(one)));
        let planned = next.map(|at| (last.number.saturating_add(1), at, "planned"));
        let attempts: Vec<_> = attempts.chain(planned).collect();
        let waits: Vec<Duration> = attempts
            .windows(2)
            .map(|pair| Duration::try_from(pair[1].1 - pair[0].1).unwrap_or_default())
            .collect();
        let unit = waits.iter().min()?.as_secs_f64().max(1.0);
        let passed = |at: OffsetDateTime| (at - first.at).as_seconds_f64().max(0.0);
        let along = |at: OffsetDateTime| (passed(at) / unit).ln_1p();
        let whole = attempts.iter().map(|one| along(one.1)).fold(0.1, f64::max);
        let marks: Vec<Mark> = attempts
            .iter()
            .map(|(number, at, tone)| Mark {
                x: ROOM + along(*at) / whole * (WIDTH - 2.0 * ROOM),
                tone,
                number: *number,
            })
            .collect();
        let gaps = marks.windows(2).zip(&waits).map(|(pair, wait)| Gap {
            from: pair[0].x,
            to: pair[1].x,
            is_planned: pair[1].tone == "planned",
            words: (pair[1].x - pair[0].x >= WORDS).then(|| words::wait(rounded(*wait))),
        });
        Some(Self {
            gaps: gaps.collect(),
            words: spoken(&attempts, &waits),
            next: next.map(Instant::of),
            marks,
        })
    }
}

fn tone(one: &Made) -> &'static str {
    if one.is_good { "good" } else { "bad" }
}

/// To the second, and above a minute to the nearest tenth of what it is told in.
fn rounded(wait: Duration) -> u64 {
    let seconds = (wait + Duration::from_millis(500)).as_secs();
    match seconds {
        0..60 => seconds,
        60..3_600 => (seconds + 3) / 6 * 6,
        _ => (seconds + 180) / 360 * 360,
    }
}

fn spoken(attempts: &[(u16, OffsetDateTime, &'static str)], waits: &[Duration]) -> String {
    let told = attempts
        .iter()
        .enumerate()
        .map(|(place, (number, _, tone))| {
            let outcome = match *tone {
                "good" => "delivered",
                "planned" => "planned",
                _ => "failed",
            };
            let wait = place.checked_sub(1).and_then(|before| waits.get(before));
            match wait {
                Some(wait) => {
                    let wait = words::wait(rounded(*wait));
                    format!("attempt {number} {outcome} {wait} later")
                }
                None => format!("Attempt {number} {outcome}"),
            }
        });
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-03-02 10:00 UTC);

    fn made(number: u16, seconds: i64, is_good: bool) -> Made {
        Made {
            number,
            at: START + time::Duration::seconds(seconds),
            is_good,
        }
    }

    #[test]
    fn gaps_are_in_order_and_to_scale() {
        let attempts = [made(1, 0, false), made(2, 5, false), made(3, 35, false)];
        let next = START + time::Duration::seconds(3_635);
        let drawn = Timeline::new(&attempts, Some(next)).unwrap();
        let places: Vec<f64> = drawn.marks.iter().map(|mark| mark.x).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert!((places[0] - ROOM).abs() < 0.01 && (places[3] - WIDTH + ROOM).abs() < 0.01);
        assert_eq!(drawn.marks[3].tone, "planned");
        assert!(drawn.gaps[2].is_planned && !drawn.gaps[1].is_planned);
        assert_eq!(drawn.gaps[2].words.as_deref(), Some("1 h"));
        assert_eq!(
            drawn.words,
            "Attempt 1 failed, attempt 2 failed 5 s later, attempt 3 failed 30 s later, attempt 4 \
             planned 1 h later"
        );
    }

    #[test]
    fn one_attempt_has_no_gap() {
        assert!(Timeline::new(&[], Some(START)).is_none());
        assert!(Timeline::new(&[made(1, 0, true)], None).is_none());
        // A clock that was set back in between.
        let back = Timeline::new(&[made(1, 0, false), made(2, -5, true)], None).unwrap();
        assert!(
            back.marks
                .iter()
                .all(|mark| (ROOM..=WIDTH).contains(&mark.x))
        );
    }

    #[test]
    fn waits_are_rounded() {
        for (milliseconds, seconds) in [(4_600, 5), (59_000, 59), (61_000, 60), (3_700_000, 3_600)]
        {
            assert_eq!(rounded(Duration::from_millis(milliseconds)), seconds);
        }
    }
}
