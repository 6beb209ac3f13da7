//! `posthaste replays`: deliver again, from the command line.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, Server, answer, each_row};
use crate::out;

/// Deliver a tenant's events again, at a rate.
#[derive(Debug, Args)]
pub(crate) struct Replays {
    #[command(flatten)]
    server: Server,
    /// The tenant: its id or its external id.
    #[arg(long, env = "POSTHASTE_TENANT")]
    tenant: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All that failed and nobody has dealt with.
    Failed {
        /// Of this endpoint alone (`ep_…`).
        #[arg(long)]
        endpoint: Option<String>,
        /// For this reason alone: `exhausted` or `gone`.
        #[arg(long)]
        reason: Option<String>,
        /// Of this event type alone.
        #[arg(long)]
        event: Option<String>,
        #[command(flatten)]
        window: Window,
        #[command(flatten)]
        how: How,
    },
    /// Everything that an endpoint was sent; `--since` is required.
    Everything {
        /// Its id (`ep_…`).
        endpoint: String,
        #[command(flatten)]
        window: Window,
        #[command(flatten)]
        how: How,
    },
    /// What an endpoint missed, since it was made later for example.
    Missed {
        /// Its id (`ep_…`).
        endpoint: String,
        #[command(flatten)]
        window: Window,
        #[command(flatten)]
        how: How,
    },
    /// Deliveries by their ids (`dlv_…`).
    Deliveries {
        #[arg(required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        how: How,
    },
    /// List the replays.
    List,
    /// Show one, with what became of its deliveries.
    Get {
        /// Its id (`rpl_…`).
        id: String,
    },
    /// Stop one for a while.
    Pause {
        /// Its id (`rpl_…`).
        id: String,
    },
    /// Let one go on.
    Resume {
        /// Its id (`rpl_…`).
        id: String,
    },
    /// End one; what is published goes on.
    Cancel {
        /// Its id (`rpl_…`).
        id: String,
    },
    /// Change how fast one is.
    Rate {
        /// Its id (`rpl_…`).
        id: String,
        /// Deliveries a second.
        rate: u16,
    },
}

#[derive(Debug, Args)]
struct Window {
    /// From this instant on, RFC 3339.
    #[arg(long)]
    since: Option<String>,
    /// Until before this one, RFC 3339; now, if left out.
    #[arg(long)]
    until: Option<String>,
}

#[derive(Debug, Args)]
struct How {
    /// Deliveries a second.
    #[arg(long, default_value_t = domain::limits::REPLAY_RATE_DEFAULT)]
    rate: u16,
    /// Only count them, and say how long they would take.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) async fn run(replays: Replays) -> anyhow::Result<()> {
    let client = Client::new(replays.server)?;
    let base = format!("/v1/tenants/{}/replays", replays.tenant);
    let one = |id: &str, action: &str| format!("{base}/{id}{action}");
    let (method, path, body) = match replays.action {
        Action::List => return list(&client, &base).await,
        Action::Failed {
            endpoint,
            reason,
            event,
            window: Window { since, until },
            how,
        } => {
            let failed = json!({
                "endpoint": endpoint, "reason": reason, "event": event,
                "since": since, "until": until,
            });
            (Method::POST, base, made("failed", failed, &how))
        }
        Action::Everything {
            endpoint,
            window: Window { since, until },
            how,
        } => {
            let selected = json!({"endpoint": endpoint, "since": since, "until": until});
            (Method::POST, base, made("everything", selected, &how))
        }
        Action::Missed {
            endpoint,
            window: Window { since, until },
            how,
        } => {
            let selected = json!({"endpoint": endpoint, "since": since, "until": until});
            (Method::POST, base, made("missed", selected, &how))
        }
        Action::Deliveries { ids, how } => {
            (Method::POST, base, made("deliveries", json!(ids), &how))
        }
        Action::Get { id } => (Method::GET, one(&id, ""), None),
        Action::Pause { id } => (Method::POST, one(&id, "/pause"), None),
        Action::Resume { id } => (Method::POST, one(&id, "/resume"), None),
        Action::Cancel { id } => (Method::POST, one(&id, "/cancel"), None),
        Action::Rate { id, rate } => (Method::PATCH, one(&id, ""), Some(json!({"rate": rate}))),
    };
    let request = client.console(method, &path);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let told = answer(request).await?;
    out::line(serde_json::to_string_pretty(&told)?);
    Ok(())
}

fn made(selector: &str, selected: Value, how: &How) -> Option<Value> {
    Some(json!({selector: selected, "rate": how.rate, "dry_run": how.dry_run}))
}

/// One line a replay, page by page.
async fn list(client: &Client, base: &str) -> anyhow::Result<()> {
    out::line(format_args!(
        "{:36}  {:9}  {:>6}  {:>10}  {:>10}",
        "ID", "STATE", "RATE", "EXPECTED", "PUBLISHED"
    ));
    each_row(client, base, |replay| out::line(line(replay))).await
}

fn line(replay: &Value) -> String {
    let text = |name: &str| replay[name].as_str().unwrap_or_default();
    let number = |name: &str| {
        let number = replay[name].as_u64();
        number.map_or_else(|| "-".to_owned(), |number| number.to_string())
    };
    format!(
        "{:36}  {:9}  {:>6}  {:>10}  {:>10}",
        text("id"),
        text("state"),
        number("rate"),
        number("expected"),
        number("published")
    )
}
