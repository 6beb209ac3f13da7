//! What an operator can change about fan-out.

use std::num::{NonZeroU8, NonZeroU16};

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
}

impl Config {
    /// A message has at most 1 MiB, so this also bounds what a shard holds in memory.
    const PREFETCH: NonZeroU16 = NonZeroU16::new(128).expect("it is not zero");
    const BATCHES: NonZeroU8 = NonZeroU8::new(3).expect("it is not zero");
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefetch: Self::PREFETCH,
            batches: Self::BATCHES,
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
    }

    #[test]
    fn none_at_all_is_refused() {
        for flag in ["--fanout-prefetch", "--fanout-batches"] {
            assert!(
                Program::try_parse_from(["fanout", flag, "0"]).is_err(),
                "{flag}"
            );
        }
    }
}
