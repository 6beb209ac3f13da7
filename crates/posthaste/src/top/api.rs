//! Who is in trouble, as the management API says.

use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::client::answer;

/// Endpoints and tenants that somebody may want to look at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Trouble {
    /// Endpoints whose circuit breaker is open.
    pub(super) left_alone: Vec<LeftAlone>,
    /// Tenants by how much they wait for, the most first.
    pub(super) backlogs: Vec<Backlog>,
}

/// An endpoint that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeftAlone {
    pub(super) tenant: String,
    /// Without path and query, where receivers keep secrets.
    pub(super) host: String,
    pub(super) endpoint: String,
    pub(super) reason: String,
}

/// A tenant that waits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Backlog {
    pub(super) tenant: String,
    /// Deliveries that were not tried yet.
    pub(super) first: f64,
    /// Deliveries that were.
    pub(super) later: f64,
}

/// Asks the console.
///
/// # Errors
/// When it doesn't answer, or refuses the key.
pub(super) async fn trouble(
    http: &Client,
    console_url: &str,
    key: &SecretString,
) -> anyhow::Result<Trouble> {
    let get = |path: &str| {
        let url = format!("{}{path}", console_url.trim_end_matches('/'));
        answer(http.get(url).bearer_auth(key.expose_secret()))
    };
    let (open, backlogs) =
        tokio::try_join!(get("/v1/open-breakers?limit=20"), get("/v1/backlogs"))?;
    Ok(Trouble {
        left_alone: rows(&open).map(left_alone).collect(),
        backlogs: rows(&backlogs).map(backlog).collect(),
    })
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list["data"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn left_alone(row: &Value) -> LeftAlone {
    let url = url::Url::parse(row["url"].as_str().unwrap_or_default()).ok();
    let host = url.as_ref().and_then(url::Url::host_str);
    LeftAlone {
        tenant: text(&row["tenant_name"]),
        host: host.unwrap_or_default().to_owned(),
        endpoint: text(&row["endpoint"]),
        reason: text(&row["last_failure"]),
    }
}

fn backlog(row: &Value) -> Backlog {
    let count = |name: &str| row[name].as_f64().unwrap_or_default();
    Backlog {
        tenant: text(&row["tenant_name"]),
        first: count("unsettled"),
        later: count("waiting"),
    }
}
