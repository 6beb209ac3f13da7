//! The keeper's process: see `keeper.sh` for what it does.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::access::Identity;
use crate::account::Account;
use crate::broker;
use crate::directory::Directory;
use crate::error::StartError;
use crate::options::Place;
use crate::packages::Programs;
use crate::process::{Process, Signal, signal};

const SCRIPT: &str = include_str!("keeper.sh");
/// The script gives servers 8 s to end in good order and 2 s to die.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// What the keeper is told at its start.
pub(crate) struct Orders<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) place: &'a Place,
    pub(crate) identity: &'a Identity,
    pub(crate) broker_environment: &'a [(&'static str, &'static str)],
    pub(crate) programs: &'a Programs,
    pub(crate) postgres_bin: &'a Path,
    pub(crate) postgres_account: &'a Account,
    pub(crate) broker_account: &'a Account,
    pub(crate) watched: Process,
}

/// A running keeper. Dropping it does not end it.
#[derive(Debug)]
pub(crate) struct Keeper {
    child: Child,
    process: Process,
}

impl Keeper {
    pub(crate) fn spawn(orders: &Orders<'_>) -> Result<Self, StartError> {
        let log = orders.directory.file("keeper.log");
        let failed = |source| StartError::io("starting the keeper with", &log)(source);
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log)
            .map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        // A session of its own: Ctrl-C and a closing terminal reach us, and not the keeper, which
        // then stops the servers in good order.
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", SCRIPT, "posthaste-keeper"]);
        command
            .current_dir("/")
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("LANG", "C.UTF-8").envs(orders.environment());
        command
            .stdin(orders.directory.lock_for_keeper()?)
            .stdout(output)
            .stderr(errors);
        let child = command.spawn().map_err(failed)?;
        let process = child
            .id()
            .and_then(Process::find)
            .ok_or_else(|| StartError::Stuck {
                what: "the keeper".to_owned(),
                limit: Duration::ZERO,
            })?;
        Ok(Self { child, process })
    }

    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// Asks the keeper to stop the servers and to end.
    pub(crate) fn ask_to_end(&self) -> std::io::Result<()> {
        signal(Signal::Terminate, &[self.process])
    }

    /// Waits until the keeper has ended, and thereby the servers.
    pub(crate) async fn ended(&mut self) -> Result<(), StartError> {
        let stuck = || StartError::Stuck {
            what: "the keeper".to_owned(),
            limit: STOP_LIMIT,
        };
        match tokio::time::timeout(STOP_LIMIT, self.child.wait()).await {
            Ok(Ok(_status)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(stuck()),
        }
    }
}

impl Orders<'_> {
    fn environment(&self) -> Vec<(&'static str, std::ffi::OsString)> {
        let mut variables = broker::environment(self.directory, self.identity);
        let then = match self.place {
            Place::Ephemeral => "remove",
            Place::Kept(_) => "keep",
        };
        let further = self.broker_environment.iter();
        variables.extend(further.map(|(name, value)| (*name, value.into())));
        variables.extend([
            ("KEEPER_DIR", self.directory.root().into()),
            ("KEEPER_THEN", then.into()),
            ("KEEPER_WATCHED_PID", self.watched.pid().to_string().into()),
            (
                "KEEPER_WATCHED_START",
                self.watched.started().to_string().into(),
            ),
            ("KEEPER_POSTGRES", self.postgres_bin.join("postgres").into()),
            (
                "KEEPER_POSTGRES_AS",
                self.postgres_account.prefix().join(" ").into(),
            ),
            (
                "KEEPER_BROKER",
                self.programs.rabbitmq_server.clone().into(),
            ),
            (
                "KEEPER_BROKER_AS",
                self.broker_account.prefix().join(" ").into(),
            ),
            ("KEEPER_EPMD", self.programs.epmd.clone().into()),
        ]);
        variables
    }
}
