//! What was found, in one line.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

use super::SKEW;

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    subject: String,
    verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Well(String),
    Wrong { what: String, cure: String },
    Unknown { why: String, cure: String },
}

impl Finding {
    /// It is as it should be.
    pub(super) fn well(subject: impl Into<String>, how: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            verdict: Verdict::Well(how.into()),
        }
    }

    /// It is not, and what to do about it.
    pub(super) fn wrong(
        subject: impl Into<String>,
        what: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            verdict: Verdict::Wrong {
                what: what.into(),
                cure: cure.into(),
            },
        }
    }

    /// It can't be seen, and what would make it visible.
    pub(super) fn unknown(
        subject: impl Into<String>,
        why: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            verdict: Verdict::Unknown {
                why: why.into(),
                cure: cure.into(),
            },
        }
    }

    /// Whether there is something to mend.
    pub(super) fn is_wrong(&self) -> bool {
        matches!(self.verdict, Verdict::Wrong { .. })
    }

    /// Whether a clock agrees with ours. `asked` is when it was read.
    pub(super) fn of_clock(subject: &str, theirs: OffsetDateTime, asked: OffsetDateTime) -> Self {
        let apart: Duration = (theirs - asked).abs().try_into().unwrap_or(Duration::MAX);
        let seconds = apart.as_secs_f64();
        if apart > SKEW {
            Self::wrong(
                subject,
                format!("it is {seconds:.0} s away from this machine's clock"),
                "run NTP on both: events, retries and signatures carry times",
            )
        } else {
            Self::well(
                subject,
                format!("within {:.0} s of ours", SKEW.as_secs_f64()),
            )
        }
    }

    /// That the findings of a check are only these, or that all is well.
    pub(super) fn or_well(wrong: Vec<Self>, subject: &str, how: impl Into<String>) -> Vec<Self> {
        if wrong.is_empty() {
            vec![Self::well(subject, how)]
        } else {
            wrong
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        match &self.verdict {
            Verdict::Well(how) => write!(f, "ok     {subject}: {how}"),
            Verdict::Wrong { what, cure } => write!(f, "wrong  {subject}: {what}; {cure}"),
            Verdict::Unknown { why, cure } => write!(f, "?      {subject}: {why}; {cure}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_be_a_little_apart() {
        let ours = OffsetDateTime::UNIX_EPOCH;
        for (seconds, wrong) in [(0, false), (5, false), (-5, false), (6, true), (-6, true)] {
            let theirs = ours + time::Duration::seconds(seconds);
            assert_eq!(Finding::of_clock("clock", theirs, ours).is_wrong(), wrong);
        }
    }
}
