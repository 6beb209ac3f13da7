//! `posthaste endpoints`: a tenant's endpoints, from the command line.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, Server, answer, each_row};
use crate::out;

/// Manage a tenant's endpoints.
#[derive(Debug, Args)]
pub(crate) struct Endpoints {
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
    /// List them.
    List,
    /// Register one; its secret is shown once.
    Create {
        /// Where events are posted.
        url: String,
        /// An event type or pattern to subscribe to, such as `shipment.created`, `shipment.*` or
        /// `*`; may be given several times.
        #[arg(long = "event", default_value = "*")]
        events: Vec<String>,
        /// What an event's payload must be like, such as `@.status == 'created'`.
        #[arg(long)]
        filter: Option<String>,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Show one.
    Get {
        /// Its id (`ep_…`).
        id: String,
    },
    /// Hold its deliveries until it is resumed.
    Pause {
        /// Its id (`ep_…`).
        id: String,
    },
    /// Deliver again what is held, and what comes.
    Resume {
        /// Its id (`ep_…`).
        id: String,
    },
    /// Give it a new secret, shown once; the old one signs beside it for 24 hours.
    RotateSecret {
        /// Its id (`ep_…`).
        id: String,
    },
    /// Delete it; what was under way to it is cancelled.
    Delete {
        /// Its id (`ep_…`).
        id: String,
    },
}

/// Runs the command.
pub(crate) async fn run(endpoints: Endpoints) -> anyhow::Result<()> {
    let client = Client::new(endpoints.server)?;
    let base = format!("/v1/tenants/{}/endpoints", endpoints.tenant);
    let one = |id: &str, action: &str| format!("{base}/{id}{action}");
    let (method, path, body) = match &endpoints.action {
        Action::List => return list(&client, &base).await,
        Action::Create {
            url,
            events,
            filter,
            description,
        } => {
            let body = json!({
                "url": url,
                "event_types": events,
                "filter": filter,
                "description": description,
            });
            (Method::POST, base.clone(), Some(body))
        }
        Action::Get { id } => (Method::GET, one(id, ""), None),
        Action::Pause { id } => (Method::POST, one(id, "/pause"), None),
        Action::Resume { id } => (Method::POST, one(id, "/resume"), None),
        Action::RotateSecret { id } => (Method::POST, one(id, "/rotate-secret"), None),
        Action::Delete { id } => (Method::DELETE, one(id, ""), None),
    };
    let request = client.console(method, &path);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let told = answer(request).await?;
    if !told.is_null() {
        out::line(serde_json::to_string_pretty(&told)?);
    }
    Ok(())
}

/// One line an endpoint, page by page.
async fn list(client: &Client, base: &str) -> anyhow::Result<()> {
    out::line(format_args!(
        "{:36}  {:9}  {:30}  URL",
        "ID", "STATE", "EVENTS"
    ));
    each_row(client, base, |endpoint| out::line(line(endpoint))).await
}

fn line(endpoint: &Value) -> String {
    let text = |name: &str| endpoint[name].as_str().unwrap_or_default();
    let events = endpoint["event_types"].as_array().into_iter().flatten();
    let events: Vec<&str> = events.filter_map(Value::as_str).collect();
    let (id, state, url) = (text("id"), text("state"), text("url"));
    format!("{id:36}  {state:9}  {:30}  {url}", events.join(","))
}
