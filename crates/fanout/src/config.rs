//! What an operator can change about fan-out.

use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};

/// What an operator can change about fan-out.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// How many messages of each shard are taken ahead of the batch that is being written.
    #[arg(
        id = "fanout_prefetch",
        long = "fanout-prefetch",
        env = "POSTHASTE_FANOUT_PREFETCH",
        default_value_t = Config::PREFETCH
    )]
    pub prefetch: NonZeroU16,
    /// How many batches of each shard may await the broker's confirms while the next one is
    /// written.
    #[arg(
        long = "fanout-batches",
        env = "POSTHASTE_FANOUT_BATCHES",
        default_value_t = Config::BATCHES
    )]
    pub batches: NonZeroU8,
    /// How many deliveries a second go by the normal lane whoever they are of. Above it, tenants
    /// with more than an equal share of it go by the bulk lane.
    #[arg(
        id = "fanout_normal_per_second",
        long = "fanout-normal-per-second",
        env = "POSTHASTE_FANOUT_NORMAL_PER_SECOND",
        default_value_t = Config::NORMAL_PER_SECOND
    )]
    pub normal_per_second: NonZeroU32,
    /// How much of the time bulk events are fanned out while others publish, in hundredths.
    #[arg(
        id = "fanout_bulk_share",
        long = "fanout-bulk-share",
        env = "POSTHASTE_FANOUT_BULK_SHARE",
        default_value_t = Config::BULK_SHARE,
        value_parser = clap::value_parser!(u8).range(1..=100)
    )]
    pub bulk_share: u8,
}

impl Config {
    /// A message has at most 1 MiB, so this also bounds what a shard holds in memory.
    const PREFETCH: NonZeroU16 = NonZeroU16::new(128).expect("it is not zero");
    const BATCHES: NonZeroU8 = NonZeroU8::new(3).expect("it is not zero");
    const NORMAL_PER_SECOND: NonZeroU32 = NonZeroU32::new(4_000).expect("it is not zero");
    const BULK_SHARE: u8 = 12;
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefetch: Self::PREFETCH,
            batches: Self::BATCHES,
            normal_per_second: Self::NORMAL_PER_SECOND,
            bulk_share: Self::BULK_SHARE,
        }
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

    #[test]
    fn the_defaults_are_the_same_by_either_way() {
        let parsed = Program::try_parse_from(["fanout"]).unwrap().config;
        let default = Config::default();
        assert_eq!(parsed.prefetch, default.prefetch);
        assert_eq!(parsed.batches, default.batches);
        assert_eq!(parsed.normal_per_second, default.normal_per_second);
        assert_eq!(parsed.bulk_share, default.bulk_share);
    }

    #[test]
    fn none_at_all_is_refused() {
        for flag in [
            "--fanout-prefetch",
            "--fanout-batches",
            "--fanout-normal-per-second",
            "--fanout-bulk-share",
        ] {
            assert!(
                Program::try_parse_from(["fanout", flag, "0"]).is_err(),
                "{flag}"
            );
        }
    }
}
