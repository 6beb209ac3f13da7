//! What an operator can change about the recorder.

use std::num::NonZeroU16;
use std::time::Duration;

use domain::health::{DisableRule, FailingRule};
use domain::limits;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest retention: a delivery's last attempt still finds its event, whatever its policy.
const RETENTION_MIN: Duration = limits::RETRY_SPAN.saturating_add(DAY);
/// The longest retention, ten years.
const RETENTION_MAX: Duration = DAY.saturating_mul(3_650);

/// What an operator can change about the recorder.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// How many messages of reports are taken ahead of those that are being written.
    #[arg(
        id = "recorder_prefetch",
        long = "recorder-prefetch",
        env = "POSTHASTE_RECORDER_PREFETCH",
        default_value_t = Config::PREFETCH
    )]
    pub prefetch: NonZeroU16,
    /// How long events, deliveries and attempts are kept, such as `30days`: 8 days to 10 years.
    #[arg(
        long = "retention",
        env = "POSTHASTE_RETENTION",
        default_value = "30days",
        value_parser = retention
    )]
    pub retention: Duration,
    /// For how many days ahead the record's partitions are made.
    #[arg(
        long = "partition-days-ahead",
        env = "POSTHASTE_PARTITION_DAYS_AHEAD",
        default_value_t = store::partitions::DAYS_AHEAD,
        value_parser = clap::value_parser!(u16).range(1..=100)
    )]
    pub partition_days_ahead: u16,
    /// How many attempts must fail in a row until the platform is told that an endpoint is failing.
    #[arg(
        long = "failing-attempts",
        env = "POSTHASTE_FAILING_ATTEMPTS",
        default_value_t = FailingRule::default().attempts,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub failing_attempts: u32,
    /// How long these must have taken, such as `5min`.
    #[arg(
        long = "failing-after",
        env = "POSTHASTE_FAILING_AFTER",
        default_value = "5min",
        value_parser = humantime::parse_duration
    )]
    pub failing_after: Duration,
    /// How many attempts must fail in a row until an endpoint is disabled.
    #[arg(
        long = "disable-attempts",
        env = "POSTHASTE_DISABLE_ATTEMPTS",
        default_value_t = DisableRule::default().attempts,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub disable_attempts: u32,
    /// For how long there must have been nothing but failures, such as `5days`.
    #[arg(
        long = "disable-after",
        env = "POSTHASTE_DISABLE_AFTER",
        default_value = "5days",
        value_parser = humantime::parse_duration
    )]
    pub disable_after: Duration,
    /// How long after it was due a delivery that nobody has heard of since counts as missing in
    /// the ledger, once its lanes have passed that instant.
    #[arg(
        long = "loss-grace",
        env = "POSTHASTE_LOSS_GRACE",
        default_value = "10min",
        value_parser = humantime::parse_duration
    )]
    pub loss_grace: Duration,
}

impl Config {
    const LOSS_GRACE: Duration = Duration::from_secs(10 * 60);

    pub(crate) fn failing(&self) -> FailingRule {
        FailingRule {
            attempts: self.failing_attempts,
            lasting: self.failing_after,
        }
    }

    pub(crate) fn disable(&self) -> DisableRule {
        DisableRule {
            attempts: self.disable_attempts,
            after: self.disable_after,
        }
    }

    /// A message has at most 1 MiB, so this also bounds what is held in memory.
    const PREFETCH: NonZeroU16 = NonZeroU16::new(64).expect("it is not zero");
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefetch: Self::PREFETCH,
            retention: DAY * u32::from(store::partitions::RETENTION_DAYS),
            partition_days_ahead: store::partitions::DAYS_AHEAD,
            failing_attempts: FailingRule::default().attempts,
            failing_after: FailingRule::default().lasting,
            disable_attempts: DisableRule::default().attempts,
            disable_after: DisableRule::default().after,
            loss_grace: Self::LOSS_GRACE,
        }
    }
}

/// A retention that is no duration, or out of its bounds.
#[derive(Debug, thiserror::Error)]
enum RetentionError {
    #[error(transparent)]
    Duration(#[from] humantime::DurationError),
    #[error(
        "it must be from {} to {}",
        humantime::format_duration(RETENTION_MIN),
        humantime::format_duration(RETENTION_MAX)
    )]
    Bounds,
}

fn retention(text: &str) -> Result<Duration, RetentionError> {
    let retention = humantime::parse_duration(text)?;
    if (RETENTION_MIN..=RETENTION_MAX).contains(&retention) {
        Ok(retention)
    } else {
        Err(RetentionError::Bounds)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        config: Config,
    }

    fn parsed(args: &[&str]) -> Result<Config, clap::Error> {
        let args = ["recorder"].iter().chain(args);
        Program::try_parse_from(args).map(|program| program.config)
    }

    #[test]
    fn the_defaults_are_the_same_by_either_way() {
        let (parsed, default) = (parsed(&[]).unwrap(), Config::default());
        assert_eq!(parsed.retention, default.retention);
        assert_eq!(parsed.prefetch, default.prefetch);
        assert_eq!(parsed.partition_days_ahead, default.partition_days_ahead);
        assert_eq!(parsed.failing(), FailingRule::default());
        assert_eq!(parsed.disable(), DisableRule::default());
        assert_eq!(default.failing(), FailingRule::default());
        assert_eq!(default.disable(), DisableRule::default());
        assert_eq!(parsed.loss_grace, default.loss_grace);
    }

    #[test]
    fn a_retention_outlives_every_retry_policy() {
        assert!(parsed(&["--retention", "7days"]).is_err());
        assert!(parsed(&["--retention", "11years"]).is_err());
        assert!(parsed(&["--retention", "soon"]).is_err());
        assert_eq!(
            parsed(&["--retention", "8days"]).unwrap().retention,
            DAY * 8
        );
    }
}
