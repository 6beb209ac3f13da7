//! A Prometheus that scrapes and judges once a second.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use sandbox::{Install, Progress};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::port::free_port;
use crate::{eventually, fetch};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running one. Dropping it ends it.
#[derive(Debug)]
pub struct Prometheus {
    url: String,
    /// What is scraped; read again when it changes.
    targets: PathBuf,
    _directory: TempDir,
    _server: Child,
}

impl Prometheus {
    /// Starts one with these rules and nothing to scrape; installs the package where it is missing
    /// and that is permitted. None, and a word on standard error, where it can't be had: what it
    /// would judge is not checked then.
    ///
    /// # Panics
    /// When it is there and doesn't start, as it doesn't with rules that are wrong.
    #[expect(clippy::print_stderr, reason = "for whoever reads the test's output")]
    pub async fn start(rules: &str) -> Option<Self> {
        let found = sandbox::Prometheus::find(Install::WhenPermitted, &Progress::default()).await;
        let program = found
            .inspect_err(|error| eprintln!("not checked: {error}"))
            .ok()?;
        let directory = TempDir::new().expect("the temporary directory is writable");
        let path = |name: &str| directory.path().join(name);
        let write = |name: &str, text: &str| {
            fs::write(path(name), text).expect("the temporary directory is writable");
        };
        let config = json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [path("rules.yml")],
            "scrape_configs": [{
                "job_name": "targets",
                "file_sd_configs": [{"files": [path("targets.json")], "refresh_interval": "1s"}],
            }],
        });
        write("rules.yml", rules);
        write("targets.json", "[]");
        // JSON is YAML.
        write("prometheus.yml", &config.to_string());
        let port = free_port();
        let log = fs::File::create(path("log")).expect("the temporary directory is writable");
        let server = Command::new(&program.server)
            .arg(format!(
                "--config.file={}",
                path("prometheus.yml").display()
            ))
            .arg(format!("--storage.tsdb.path={}", path("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("it is a program");
        let url = format!("http://127.0.0.1:{port}");
        eventually(PATIENCE, "Prometheus to be ready", async || {
            let answer = get(&format!("{url}/-/ready")).await?;
            if answer.0 == StatusCode::OK {
                Ok(())
            } else {
                Err(fs::read_to_string(path("log")).unwrap_or_default())
            }
        })
        .await;
        Some(Self {
            url,
            targets: path("targets.json"),
            _directory: directory,
            _server: server,
        })
    }

    /// Scrapes these from now on: jobs and their addresses.
    ///
    /// # Panics
    /// When the temporary directory can't be written to.
    pub fn scrape(&self, targets: &[(String, String)]) {
        let groups = targets
            .iter()
            .map(|(job, address)| json!({"targets": [address], "labels": {"job": job}}));
        let groups = Value::from_iter(groups).to_string();
        // Renamed into place, so that it is never read half.
        let new = self.targets.with_extension("new");
        fs::write(&new, groups)
            .and_then(|()| fs::rename(&new, &self.targets))
            .expect("the temporary directory is writable");
    }

    /// The names of the alerts that fire.
    ///
    /// # Panics
    /// When it doesn't answer.
    pub async fn firing(&self) -> BTreeSet<String> {
        let answer = get(&format!("{}/api/v1/alerts", self.url)).await;
        let (_, alerts) = answer.expect("Prometheus answers");
        let alerts: Value = serde_json::from_slice(&alerts).expect("it answers in JSON");
        let alerts = alerts["data"]["alerts"].as_array().into_iter().flatten();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        firing
            .filter_map(|alert| alert["labels"]["alertname"].as_str())
            .map(str::to_owned)
            .collect()
    }

    /// What a query finds now: the labels of each series, and its value.
    ///
    /// # Panics
    /// When it doesn't answer, or can't read the query.
    pub async fn series(&self, query: &str) -> Vec<(String, f64)> {
        let mut url = url::Url::parse(&self.url).expect("it is a URL");
        url.set_path("/api/v1/query");
        url.query_pairs_mut().append_pair("query", query);
        let (status, answer) = get(url.as_str()).await.expect("Prometheus answers");
        let text = String::from_utf8_lossy(&answer);
        assert_eq!(status, StatusCode::OK, "{query}: {text}");
        let answer: Value = serde_json::from_slice(&answer).expect("it answers in JSON");
        let found = answer["data"]["result"].as_array().into_iter().flatten();
        found
            .filter_map(|one| {
                let value = one["value"][1].as_str()?.parse().ok()?;
                Some((one["metric"].to_string(), value))
            })
            .collect()
    }
}

async fn get(url: &str) -> Result<(StatusCode, Bytes), String> {
    let request = Request::get(url).body(Full::<Bytes>::default());
    let answer = fetch(request.expect("the URL is one")).await;
    let answer = answer.map_err(|error| error.to_string())?;
    Ok((answer.status, answer.body))
}
