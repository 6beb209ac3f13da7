//! An endpoint's last 24 hours, as bars and in words.

use super::state::Instant;
use super::words;
use crate::resources::endpoint_stats::{Hour, Stats};

/// How high the highest bar is, in the picture's units.
const HIGHEST: u64 = 96;

/// How far apart bars begin, and how wide they are.
const APART: usize = 40;
const WIDE: usize = 28;

/// Attempts by hour.
pub(super) struct Chart {
    pub(super) bars: Vec<Bar>,
    pub(super) delivered: u64,
    pub(super) failed: u64,
    /// Within which time half were answered, and 95 of 100.
    pub(super) half: Option<String>,
    pub(super) most: Option<String>,
    /// Since when it is counted, where there was too much for all.
    pub(super) counted_from: Option<Instant>,
}

/// An hour's bar: what failed stands on what arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: usize,
    /// Where the parts begin, from above, and how high they are.
    pub(super) failed_y: u64,
    pub(super) failed_high: u64,
    pub(super) delivered_y: u64,
    pub(super) delivered_high: u64,
    /// What it says.
    pub(super) words: String,
}

impl Chart {
    /// Of an endpoint's figures; none where nothing was attempted.
    pub(super) fn of(stats: Stats) -> Option<Self> {
        let sum = |part: fn(&Hour) -> u64| stats.hours.iter().map(part).sum::<u64>();
        let (delivered, failed) = (sum(|hour| hour.delivered), sum(|hour| hour.failed));
        let fullest = stats
            .hours
            .iter()
            .map(|hour| hour.delivered + hour.failed)
            .max()?;
        (fullest > 0).then(|| Self {
            bars: stats
                .hours
                .iter()
                .enumerate()
                .map(|(at, hour)| Bar::of(at, hour, fullest))
                .collect(),
            delivered,
            failed,
            half: stats.p50_ms.map(words::took),
            most: stats.p95_ms.map(words::took),
            counted_from: stats.counted_from.map(Instant),
        })
    }

    pub(super) const fn width(&self) -> usize {
        self.bars.len() * APART
    }

    pub(super) const fn height(&self) -> u64 {
        HIGHEST
    }

    pub(super) const fn bar_width(&self) -> usize {
        WIDE
    }

    /// What share arrived, rounded down, so that 100 % is all.
    pub(super) fn rate(&self) -> u64 {
        self.delivered * 100 / (self.delivered + self.failed).max(1)
    }

    /// The hour with the most failures, for those who don't see the bars.
    pub(super) fn worst(&self) -> Option<&Bar> {
        let worst = self.bars.iter().max_by_key(|bar| bar.failed_high);
        worst.filter(|bar| bar.failed_high > 0)
    }
}

impl Bar {
    fn of(at: usize, hour: &Hour, fullest: u64) -> Self {
        // What there is, is seen.
        let high = |count: u64| match count {
            0 => 0,
            _ => (count * (HIGHEST - 4) / fullest).max(2),
        };
        let (failed_high, delivered_high) = (high(hour.failed), high(hour.delivered));
        let delivered_y = HIGHEST - delivered_high;
        let begins = hour.at.get(11..16).unwrap_or_default();
        Self {
            x: at * APART + (APART - WIDE) / 2,
            failed_y: delivered_y - failed_high,
            failed_high,
            delivered_y,
            delivered_high,
            words: format!(
                "{begins} UTC: {} delivered, {} failed",
                hour.delivered, hour.failed
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(delivered: u64, failed: u64) -> Hour {
        Hour {
            at: "2026-03-02T10:00:00Z".to_owned(),
            delivered,
            failed,
        }
    }

    fn stats(hours: Vec<Hour>) -> Stats {
        Stats {
            hours,
            counted_from: None,
            p50_ms: Some(12),
            p95_ms: Some(1_250),
        }
    }

    #[test]
    fn bars_stay_within_the_picture_and_show_what_little_there_is() {
        let chart = Chart::of(stats(vec![hour(9_999, 1), hour(0, 0), hour(1, 0)])).unwrap();
        let [first, empty, last] = &chart.bars[..] else {
            panic!("three bars")
        };
        assert_eq!(first.failed_high, 2);
        assert!(first.failed_y < HIGHEST && first.delivered_y + first.delivered_high == HIGHEST);
        assert_eq!((empty.failed_high, empty.delivered_high), (0, 0));
        assert_eq!(last.delivered_high, 2);
        assert_eq!(first.words, "10:00 UTC: 9999 delivered, 1 failed");
        assert_eq!(chart.worst(), Some(first));
        assert_eq!(chart.rate(), 99, "not all arrived");
        assert_eq!(chart.most.as_deref(), Some("1.2 s"));
    }

    #[test]
    fn nothing_attempted_is_no_chart() {
        assert!(Chart::of(stats(vec![hour(0, 0)])).is_none());
        assert!(Chart::of(stats(Vec::new())).is_none());
    }
}
