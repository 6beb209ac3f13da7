//! How to reach the servers, and what is kept of it between two starts.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::directory::{Directory, write_private};
use crate::error::StartError;
use crate::ports::Ports;
use crate::process::Process;

/// The user of both servers; it owns everything in them.
pub(crate) const USER: &str = "posthaste";
/// Bytes of randomness in a password.
const SECRET_BYTES: usize = 24;

/// How to reach running servers. Holds passwords: `Debug` shows none.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// `postgres://…/posthaste`, with the password.
    pub postgres_url: String,
    /// `amqp://…/%2f`, with the password.
    pub amqp_url: String,
    /// `http://…`: RabbitMQ's management API, with the password.
    pub management_url: String,
    /// The directory of data and logs.
    pub directory: PathBuf,
    /// The keeper: while it lives, so do the servers.
    pub keeper: Process,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("directory", &self.directory)
            .field("keeper", &self.keeper)
            .finish_non_exhaustive()
    }
}

/// Passwords and ports, the same at each start in the same directory where the ports are free.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) postgres_password: String,
    pub(crate) broker_password: String,
    /// What Erlang nodes prove each other that they belong together.
    pub(crate) cookie: String,
    pub(crate) ports: Ports,
}

impl Identity {
    /// What the directory holds, or a new one, written there.
    pub(crate) fn of(directory: &Directory) -> Result<Self, StartError> {
        let path = directory.file("identity.json");
        let identity = match read(&path)? {
            Some(known) if known.ports.are_free() => return Ok(known),
            Some(known) => Self {
                ports: Ports::pick().ok_or(StartError::NoPorts)?,
                ..known
            },
            None => Self {
                postgres_password: secret()?,
                broker_password: secret()?,
                cookie: secret()?,
                ports: Ports::pick().ok_or(StartError::NoPorts)?,
            },
        };
        let text = serde_json::to_string_pretty(&identity)
            .map_err(std::io::Error::from)
            .map_err(StartError::io("writing", &path))?;
        write_private(&path, &text, &Account::Own)?;
        Ok(identity)
    }

    pub(crate) fn access(&self, directory: &Directory, keeper: Process) -> Access {
        let Ports {
            postgres,
            amqp,
            management,
            ..
        } = self.ports;
        let Self {
            postgres_password,
            broker_password,
            ..
        } = self;
        Access {
            postgres_url: format!(
                "postgres://{USER}:{postgres_password}@127.0.0.1:{postgres}/{USER}"
            ),
            amqp_url: format!("amqp://{USER}:{broker_password}@127.0.0.1:{amqp}/%2f"),
            management_url: format!("http://{USER}:{broker_password}@127.0.0.1:{management}"),
            directory: directory.root().to_owned(),
            keeper,
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Option<Identity>, StartError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StartError::io("reading", path)(error)),
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(std::io::Error::from)
        .map_err(StartError::io("reading", path))
}

/// Hexadecimal, so that it needs no escape in a URL or a configuration file.
fn secret() -> Result<String, StartError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(StartError::NoRandomness)?;
    Ok(hex::encode(bytes))
}
