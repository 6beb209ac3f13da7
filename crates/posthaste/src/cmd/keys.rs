//! `posthaste keys`: API keys for those who hold the database, such as the first one.

use anyhow::Context;
use clap::{Args, Subcommand};
use domain::id::TenantId;
use store::api_keys::{NewApiKey, Reach, Scope};

use crate::connections::StoreArgs;
use crate::out;

/// Make an API key, written straight to the database.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key and print it; it can't be shown again.
    Create {
        /// What people call it.
        name: String,
        /// What it allows; may be given several times.
        #[arg(long = "scope", required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// The one tenant that it is good for (`ten_…`); the whole platform, if left out.
        #[arg(long)]
        tenant: Option<TenantId>,
        #[command(flatten)]
        store: StoreArgs,
    },
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::from_name(text).ok_or_else(|| "a scope is publish, read or manage".to_owned())
}

/// Runs the command.
pub(crate) async fn run(keys: Keys) -> anyhow::Result<()> {
    let Action::Create {
        name,
        scopes,
        tenant,
        store,
    } = keys.action;
    let reach = tenant.map_or(Reach::Platform, Reach::Tenant);
    let new = NewApiKey {
        name,
        reach,
        scopes,
    };
    let made = store.open()?.create_api_key(&new).await;
    let (_, text) = made.context("the key was not made")?;
    out::line(text.expose());
    Ok(())
}
