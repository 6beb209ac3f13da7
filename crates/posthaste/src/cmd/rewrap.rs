//! `posthaste rewrap`: secrets under the current key, so that older keys can go.

use anyhow::Context;
use clap::Args;

use crate::connections::StoreArgs;
use crate::out;

/// Encrypt endpoints' secrets and headers again with the first key, so that the others can go. Safe
/// to stop and run again, and while roles are running.
#[derive(Debug, Args)]
pub(crate) struct Rewrap {
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command.
pub(crate) async fn run(rewrap: Rewrap) -> anyhow::Result<()> {
    let rewrapped = rewrap.store.open()?.rewrap_secrets().await;
    let rewrapped = rewrapped.context("not everything was encrypted again")?;
    out::line(format_args!(
        "{rewrapped} encrypted again; only the first key is needed now"
    ));
    Ok(())
}
