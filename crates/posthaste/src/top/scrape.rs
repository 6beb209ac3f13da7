//! One look at everything.

use std::time::Instant;

use anyhow::{Context, bail};
use futures::future::join_all;
use secrecy::SecretString;

use super::api::{self, Trouble};
use super::exposition::Samples;

/// Whom to ask.
pub(super) struct Scraper {
    pub(super) http: reqwest::Client,
    pub(super) ops: Vec<String>,
    pub(super) console_url: String,
    pub(super) key: Option<SecretString>,
}

/// What all said at one time.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) at: Instant,
    /// What the roles that answered show, together.
    pub(super) samples: Samples,
    /// How many were asked.
    pub(super) asked: usize,
    /// The addresses that did not answer.
    pub(super) silent: Vec<String>,
    /// What the console said, or why it didn't; none where it wasn't asked.
    pub(super) trouble: Option<Result<Trouble, String>>,
}

impl Scraper {
    /// Asks all at once.
    ///
    /// # Errors
    /// When no role answers at all.
    pub(super) async fn look(&self) -> anyhow::Result<Snapshot> {
        let roles = join_all(self.ops.iter().map(|address| self.metrics(address)));
        let (shown, trouble) = tokio::join!(roles, self.trouble());
        let mut text = String::new();
        let mut silent = Vec::new();
        for (address, answer) in self.ops.iter().zip(shown) {
            match answer {
                Ok(shown) => text.push_str(&shown),
                Err(_) => silent.push(address.clone()),
            }
        }
        if silent.len() == self.ops.len() {
            bail!("no role answers at {}", silent.join(", "));
        }
        Ok(Snapshot {
            at: Instant::now(),
            samples: Samples::read(&text),
            asked: self.ops.len(),
            silent,
            trouble,
        })
    }

    async fn metrics(&self, address: &str) -> anyhow::Result<String> {
        let answer = self.http.get(format!("http://{address}/metrics")).send();
        let answer = answer.await?.error_for_status()?;
        answer.text().await.context("the answer broke off")
    }

    async fn trouble(&self) -> Option<Result<Trouble, String>> {
        let key = self.key.as_ref()?;
        let asked = api::trouble(&self.http, &self.console_url, key).await;
        Some(asked.map_err(|error| format!("{error:#}")))
    }
}
