//! A record with much in it, written by SQL.

use anyhow::Context;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use store::{Config, Keyring, Store};
use testkit::{Filling, Stack};
use time::{Duration, OffsetDateTime};

/// How much there is.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Sizes {
    /// Tenants, 3 at least.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(3..))]
    tenants: u32,
    /// Endpoints, 5,000 at least.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(5_000..))]
    endpoints: u32,
    /// About so many attempts.
    #[arg(long, default_value_t = 10_000_000)]
    attempts: u32,
    /// The days that they are spread over, today the last.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..400))]
    days: u16,
}

impl Sizes {
    /// Fills a migrated database; progress goes to standard error.
    pub(crate) async fn fill(self, stack: &Stack) -> anyhow::Result<()> {
        let began = std::time::Instant::now();
        self.make_partitions(stack).await?;
        let filling = Filling {
            tenants: self.tenants,
            endpoints: self.endpoints,
            attempts: self.attempts,
            days: self.days,
        };
        stack
            .fill(filling, |step| {
                eprintln!("{:>5.0} s: {step}", began.elapsed().as_secs_f64());
            })
            .await;
        println!(
            "{} attempts, {} endpoints, {} tenants, {} days: filled in {:.0} s",
            self.attempts,
            self.endpoints,
            self.tenants,
            self.days,
            began.elapsed().as_secs_f64()
        );
        Ok(())
    }

    async fn make_partitions(self, stack: &Stack) -> anyhow::Result<()> {
        let keyring: Keyring = Keyring::generate("bench")?.expose_secret().parse()?;
        let url = SecretString::from(stack.postgres_url());
        let store = Store::connect(Config::new(url, keyring))?;
        let today = OffsetDateTime::now_utc().date();
        let days: Vec<_> = (0..i64::from(self.days))
            .filter_map(|ago| today.checked_sub(Duration::days(ago)))
            .collect();
        let made = store.ensure_partitions_for(&days).await;
        made.context("the partitions can't be made")
    }
}
