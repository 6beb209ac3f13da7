//! The command line as a client of our own HTTP APIs.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// How long a call may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where a running Posthaste is, and who asks.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// The address of ingest.
    #[arg(
        long,
        env = "POSTHASTE_INGEST_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(crate) ingest_url: String,
    /// The address of the console.
    #[arg(
        long,
        env = "POSTHASTE_CONSOLE_URL",
        default_value = "http://127.0.0.1:8081"
    )]
    pub(crate) console_url: String,
    /// The API key (`phk_…`).
    #[arg(long, env = "POSTHASTE_KEY", hide_env_values = true)]
    pub(crate) key: SecretString,
}

/// What the command line asks with: no call takes longer than `deadline`, and no answer sends it
/// elsewhere.
pub(crate) fn http(deadline: Duration) -> anyhow::Result<reqwest::Client> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it calls our own API, or the broker's, at an address that its user names; deliveries go through dispatcher::egress"
    )]
    let builder = reqwest::Client::builder();
    builder
        .timeout(deadline)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("cannot make an HTTP client")
}

/// A client of one Posthaste.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: Server,
}

impl Client {
    /// A client with a deadline on every call.
    pub(crate) fn new(server: Server) -> anyhow::Result<Self> {
        let http = http(DEADLINE)?;
        Ok(Self { http, server })
    }

    /// A request to the console.
    pub(crate) fn console(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &self.server.console_url, path)
    }

    /// A request to ingest.
    pub(crate) fn ingest(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &self.server.ingest_url, path)
    }

    fn request(&self, method: Method, base: &str, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", base.trim_end_matches('/'));
        self.http
            .request(method, url)
            .bearer_auth(self.server.key.expose_secret())
    }
}

/// Sends a request and reads its JSON answer; a problem becomes an error in its own words.
pub(crate) async fn answer(request: RequestBuilder) -> anyhow::Result<Value> {
    let response = request
        .send()
        .await
        .context("Posthaste does not answer; is it running?")?;
    let status = response.status();
    let body = response.bytes().await.context("the answer broke off")?;
    if !status.is_success() {
        bail!("{}", problem(status, &body));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body).context("the answer is no JSON; is this a Posthaste address?")
}

/// Reads a list of the console's page by page, and shows each of its rows.
pub(crate) async fn each_row(
    client: &Client,
    list: &str,
    show: impl Fn(&Value),
) -> anyhow::Result<()> {
    let mut path = list.to_owned();
    loop {
        let page = answer(client.console(Method::GET, &path)).await?;
        for row in page["data"].as_array().context("the answer is no list")? {
            show(row);
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{list}?cursor={cursor}"),
            None => return Ok(()),
        }
    }
}

/// A problem's detail and the members it points at, in one line.
fn problem(status: StatusCode, body: &[u8]) -> String {
    let Ok(problem) = serde_json::from_slice::<Value>(body) else {
        return format!("the server answered {status}");
    };
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let detail = text(&problem, "detail");
    let mut line = if detail.is_empty() {
        text(&problem, "title")
    } else {
        detail
    };
    for error in problem["errors"].as_array().into_iter().flatten() {
        let (pointer, detail) = (text(error, "pointer"), text(error, "detail"));
        // A problem with one fault has it in its detail.
        if !line.contains(&detail) {
            line.push_str(&format!("; {pointer}: {detail}"));
        }
    }
    format!("{line} ({})", status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_in_its_own_words() {
        let body = br##"{"title":"Bad event","detail":"the event was refused",
            "errors":[{"pointer":"#/event","detail":"an event type is words"}]}"##;
        let line = problem(StatusCode::BAD_REQUEST, body);
        assert_eq!(
            line,
            "the event was refused; #/event: an event type is words (400)"
        );
        assert_eq!(
            problem(StatusCode::BAD_GATEWAY, b"<html>"),
            "the server answered 502 Bad Gateway"
        );
    }
}
