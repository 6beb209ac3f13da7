//! The real program, a process a role, on a test's own database and virtual host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::port::free_port;
use crate::usage::Usage;
use crate::{Fetched, Stack, fetch};

mod instance;
mod log;
mod role;

pub use instance::Instance;
pub use role::Role;

use log::Log;

/// Every role as a process of its own. Dropping it kills them.
#[derive(Debug)]
pub struct Cluster {
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
    arguments: BTreeMap<Role, Vec<String>>,
    running: BTreeMap<Role, Instance>,
    key: String,
    ports: BTreeMap<Role, u16>,
    logs: PathBuf,
    /// Where the logs are, unless somebody keeps them.
    _logs: Option<TempDir>,
}

impl Cluster {
    /// Migrates the stack's database, makes a key with every scope, and starts every role with
    /// loopback allowed as a destination, over plain HTTP. Returns when all are ready.
    ///
    /// # Panics
    /// When the program fails, or a role is not ready in time.
    pub async fn start(program: &Path, stack: &Stack) -> Self {
        let mut cluster = Self::prepare(program, stack).await;
        for role in Role::ALL {
            cluster.launch(role);
        }
        for role in Role::ALL {
            cluster.ready(role).await;
        }
        cluster
    }

    /// The same, with no role started yet.
    ///
    /// # Panics
    /// When the program fails.
    pub async fn prepare(program: &Path, stack: &Stack) -> Self {
        Self::prepare_at(program, stack.amqp_url(), stack.postgres_url()).await
    }

    /// The same by the addresses of a virtual host and a database that are empty.
    ///
    /// # Panics
    /// When the program fails.
    pub async fn prepare_at(program: &Path, amqp_url: String, postgres_url: String) -> Self {
        let environment = vec![
            ("POSTHASTE_AMQP_URL", amqp_url),
            ("POSTHASTE_POSTGRES_URL", postgres_url),
            ("POSTHASTE_SECRET_KEYS", format!("1:{}=", "A".repeat(43))),
        ];
        let logs = TempDir::new().expect("the temporary directory is writable");
        let mut cluster = Self {
            program: program.to_owned(),
            environment,
            arguments: BTreeMap::from([Role::Console, Role::Dispatcher].map(|role| {
                let loopback = LOOPBACK.into_iter().map(str::to_owned);
                (role, loopback.collect())
            })),
            running: BTreeMap::new(),
            key: String::new(),
            ports: Role::ALL
                .into_iter()
                .map(|role| (role, free_port()))
                .collect(),
            logs: logs.path().to_owned(),
            _logs: Some(logs),
        };
        cluster.run(&["migrate"]).await;
        let key = [
            "keys", "create", "test", "--scope", "publish", "--scope", "read",
        ];
        cluster.key = cluster
            .run(&[&key[..], &["--scope", "manage"]].concat())
            .await;
        cluster
    }

    /// The arguments of a role at its next start, instead of those that allow loopback.
    pub fn arguments(&mut self, role: Role, arguments: &[&str]) {
        self.arguments
            .insert(role, arguments.iter().map(ToString::to_string).collect());
    }

    /// Sets a variable of the environment that the program is started in from now on.
    pub fn environment(&mut self, name: &'static str, value: impl Into<String>) {
        self.environment.push((name, value.into()));
    }

    /// Keeps logs in this directory, from the next start of a role on.
    pub fn keep_logs(&mut self, directory: &Path) {
        self.logs = directory.to_owned();
        self._logs = None;
    }

    /// The API key, with every scope.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The port of the role that the cluster itself starts, whether it runs or not.
    #[must_use]
    pub fn port(&self, role: Role) -> u16 {
        self.ports[&role]
    }

    /// Where ingest listens, whether it runs or not.
    #[must_use]
    pub fn ingest_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[&Role::Ingest])
    }

    /// Where the console listens, whether it runs or not.
    #[must_use]
    pub fn console_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[&Role::Console])
    }

    /// Calls the management API with the key.
    ///
    /// # Panics
    /// When the console doesn't answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Fetched {
        let url = format!("{}{path}", self.console_url());
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = self.request(method, &url, body.into());
        fetch(request)
            .await
            .unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// Makes something by the management API, and returns what it answered.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn make(&self, path: &str, body: &Value) -> Value {
        let answer = self.call(Method::POST, path, Some(body)).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert!(
            answer.status.is_success(),
            "{path}: {} {text}",
            answer.status
        );
        answer.json()
    }

    /// Sends a body to `POST /v1/events` as it stands.
    ///
    /// # Errors
    /// When ingest doesn't answer.
    pub async fn publish(&self, body: impl Into<Bytes>) -> std::io::Result<Fetched> {
        let url = format!("{}/v1/events", self.ingest_url());
        fetch(self.request(Method::POST, &url, body.into())).await
    }

    fn request(&self, method: Method, url: &str, body: Bytes) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(url)
            .header(AUTHORIZATION, format!("Bearer {}", self.key))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .expect("a test's URL is one")
    }

    /// Starts a role and returns when it is ready.
    ///
    /// # Panics
    /// When it isn't in time.
    pub async fn start_role(&mut self, role: Role) {
        self.launch(role);
        self.ready(role).await;
    }

    /// Starts a role without waiting for it.
    ///
    /// # Panics
    /// When the program can't be run.
    pub fn launch(&mut self, role: Role) {
        let instance = self.spawn(role, self.ports[&role], &self.log(role));
        self.running.insert(role, instance);
    }

    /// Starts one more of a role, on ports of its own, and returns when it is ready. It logs where
    /// the cluster's own does.
    ///
    /// # Panics
    /// When it isn't in time.
    pub async fn another(&self, role: Role) -> Instance {
        let instance = self.spawn(role, free_port(), &self.log(role));
        instance.ready().await;
        instance
    }

    /// Starts one more process of a role, which is the caller's. Ingest and the console listen at
    /// `port`, the others at none. It logs to the file `name` beside the cluster's own logs.
    ///
    /// # Panics
    /// When the program can't be run.
    #[must_use]
    pub fn further(&self, role: Role, port: u16, name: &str) -> Instance {
        self.spawn(role, port, &Log::at(self.logs.join(name)))
    }

    fn spawn(&self, role: Role, listen: u16, log: &Log) -> Instance {
        let mut command = self.command();
        command.arg(role.name());
        let address = format!("127.0.0.1:{listen}");
        match role {
            Role::Ingest => command.args(["--ingest-listen", &address]),
            Role::Console => command.args(["--console-listen", &address]),
            Role::Fanout | Role::Dispatcher | Role::Recorder => &mut command,
        };
        command.args(self.arguments.get(&role).into_iter().flatten());
        Instance::spawn(command, role, log)
    }

    /// Where a role's operators' port is.
    ///
    /// # Panics
    /// When it isn't running.
    #[must_use]
    pub fn ops_address(&self, role: Role) -> String {
        self.running[&role].ops_address()
    }

    /// A role's metrics, in Prometheus' form.
    ///
    /// # Panics
    /// When it isn't running, or doesn't answer.
    pub async fn metrics(&self, role: Role) -> String {
        self.running[&role].metrics().await
    }

    /// Waits until a role says that it is ready.
    ///
    /// # Panics
    /// When it doesn't in time, with the end of its log.
    pub async fn ready(&self, role: Role) {
        self.running[&role].ready().await;
    }

    /// Kills a role with SIGKILL, and returns when it is gone.
    ///
    /// # Panics
    /// When it doesn't run.
    pub async fn kill(&mut self, role: Role) {
        let running = self.running.remove(&role).expect("the role runs");
        running.kill().await;
    }

    /// Asks a role to end with SIGTERM, and returns what it ended with.
    ///
    /// # Panics
    /// When it doesn't run, or doesn't end in time.
    pub async fn terminate(&mut self, role: Role) -> ExitStatus {
        let running = self.running.remove(&role).expect("the role runs");
        running.terminate().await
    }

    /// What a running role has used since it started.
    ///
    /// # Panics
    /// When it doesn't run.
    #[must_use]
    pub fn usage(&self, role: Role) -> Usage {
        self.running[&role].usage()
    }

    /// Whether a role has logged this.
    #[must_use]
    pub fn log_has(&self, role: Role, what: &str) -> bool {
        !self.logged(role, what).is_empty()
    }

    /// The lines that a role has logged with this in them.
    #[must_use]
    pub fn logged(&self, role: Role, what: &str) -> Vec<String> {
        self.log(role).lines(what)
    }

    /// The end of what a role has logged.
    #[must_use]
    pub fn log_tail(&self, role: Role) -> String {
        self.log(role).tail()
    }

    /// Runs a command of the program to its end, and returns what it answered.
    ///
    /// # Panics
    /// When it fails.
    pub async fn run(&self, arguments: &[&str]) -> String {
        self.try_run(arguments)
            .await
            .unwrap_or_else(|said| panic!("posthaste {}: {said}", arguments.join(" ")))
    }

    /// Runs a command of the program to its end, and returns what it answered.
    ///
    /// # Errors
    /// What it said when it failed.
    ///
    /// # Panics
    /// When the program can't be run.
    pub async fn try_run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.output(arguments).await;
        let said = if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(output.stderr)
        };
        let text = |bytes| {
            let text = String::from_utf8(bytes).expect("the program writes text");
            text.trim().to_owned()
        };
        said.map(text).map_err(text)
    }

    /// Runs a command of the program to its end, and returns all of what it said.
    ///
    /// # Panics
    /// When the program can't be run.
    pub async fn output(&self, arguments: &[&str]) -> Output {
        let mut command = self.command();
        let output = command.args(arguments).output().await;
        output.expect("the program runs")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.kill_on_drop(true).stdin(Stdio::null());
        command.env("POSTHASTE_LOG", "info");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn log(&self, role: Role) -> Log {
        Log::at(self.logs.join(format!("{}.log", role.name())))
    }
}

/// What dispatcher and console must be told for receivers on loopback, without TLS.
pub const LOOPBACK: [&str; 3] = ["--allow-network", "127.0.0.0/8", "--allow-http"];
