//! Who looks: with a key at the API, with a session at the pages.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::header::{ACCEPT, COOKIE, SET_COOKIE};
use serde_json::Value;
use testkit::Cluster;

use super::calls::Way;

/// Longer than anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who may look at everything.
pub(super) struct Reader {
    http: reqwest::Client,
    url: String,
    key: String,
    cookie: String,
}

impl Reader {
    /// Begins a session with the cluster's key.
    pub(super) async fn sign_in(cluster: &Cluster) -> anyhow::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the reader's own client: it asks this machine alone"
        )]
        let builder = reqwest::Client::builder();
        let http = builder
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let (url, key) = (cluster.console_url(), cluster.key().to_owned());
        let form = http
            .post(format!("{url}/login"))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("key={key}"));
        let answer = form.send().await?;
        let set = answer.headers().get(SET_COOKIE).context("no session")?;
        let cookie = set.to_str()?.split(';').next().unwrap_or_default();
        Ok(Self {
            cookie: cookie.to_owned(),
            http,
            url,
            key,
        })
    }

    /// Asks for a page, or for a look by the API, and reads it to its end.
    ///
    /// # Errors
    /// When the answer is not the page.
    pub(super) async fn ask(&self, way: Way, path: &str) -> anyhow::Result<String> {
        let request = self.http.get(format!("{}{path}", self.url));
        let request = match way {
            Way::Api => request.bearer_auth(&self.key),
            Way::Page => request
                .header(COOKIE, &self.cookie)
                .header(ACCEPT, "text/html"),
        };
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(text)
    }

    /// What the API says.
    pub(super) async fn json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.ask(Way::Api, path).await?)?)
    }
}
