//! `posthaste migrate`: the database's schema, brought up to date.

use anyhow::Context;
use clap::Args;
use secrecy::SecretString;

use crate::out;

/// Bring the database's schema up to date. Safe to run again, and while roles are running.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Postgres: `postgres://user:password@host:5432/database`.
    #[arg(long, env = "POSTHASTE_POSTGRES_URL", hide_env_values = true)]
    postgres_url: SecretString,
}

/// Runs the command.
pub(crate) async fn run(migrate: Migrate) -> anyhow::Result<()> {
    store::migrate(&migrate.postgres_url)
        .await
        .context("the database was not migrated")?;
    out::line("the schema is up to date");
    Ok(())
}
