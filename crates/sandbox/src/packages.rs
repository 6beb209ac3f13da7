//! The programs of Debian's packages, and their installation where it is permitted.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::account::is_root;
use crate::command::finish;
use crate::error::StartError;
use crate::options::{Install, Progress, Step};

const INSTALL_SCRIPT: &str = include_str!("install.sh");
const INSTALL_LIMIT: Duration = Duration::from_mins(15);
const SUDO_LIMIT: Duration = Duration::from_secs(5);

/// The wrapper in /usr/sbin insists on root or on the package's own user; the script itself runs as
/// anybody.
const RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// Debian packages that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packages {
    names: &'static [&'static str],
    /// What can be done instead of installing them.
    pub(crate) instead: &'static str,
}

impl Packages {
    /// The servers'.
    pub(crate) const SERVERS: Self = Self {
        names: &["postgresql", "rabbitmq-server"],
        instead: ", or give the URLs of servers that run elsewhere",
    };

    /// A browser's, for tests.
    pub(crate) const BROWSER: Self = Self {
        names: &["chromium", "chromium-driver"],
        instead: "",
    };

    /// Prometheus', for tests.
    pub(crate) const PROMETHEUS: Self = Self {
        names: &["prometheus"],
        instead: "",
    };

    /// What to say when a program that comes with them isn't there.
    pub(crate) const fn missing(self, program: &'static str) -> StartError {
        StartError::Missing {
            program,
            packages: self,
        }
    }
}

impl fmt::Display for Packages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join(" "))
    }
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// Postgres' bin directories, the highest version first.
    pub(crate) postgres: Vec<PostgresBin>,
    pub(crate) rabbitmq_server: PathBuf,
    pub(crate) rabbitmqctl: PathBuf,
    pub(crate) epmd: PathBuf,
}

/// The bin directory of one installed Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresBin {
    /// The major version, or `None` when it was found on the PATH.
    pub(crate) version: Option<u32>,
    pub(crate) directory: PathBuf,
}

impl Programs {
    /// Finds the programs, after an installation if need be.
    pub(crate) async fn find(install: Install, progress: &Progress) -> Result<Self, StartError> {
        found_or_installed(Self::look, install, progress).await
    }

    fn look() -> Result<Self, StartError> {
        let postgres = postgres_bins();
        if postgres.is_empty() {
            return Err(Packages::SERVERS.missing("PostgreSQL"));
        }
        let rabbitmq_server = PathBuf::from(RABBITMQ);
        if !rabbitmq_server.is_file() {
            return Err(Packages::SERVERS.missing("RabbitMQ"));
        }
        let epmd = on_path("epmd").ok_or(Packages::SERVERS.missing("Erlang's epmd"))?;
        let rabbitmqctl = rabbitmq_server.with_file_name("rabbitmqctl");
        Ok(Self {
            postgres,
            rabbitmq_server,
            rabbitmqctl,
            epmd,
        })
    }

    /// The Postgres to use: the newest, or the one that wrote the data that is there.
    pub(crate) fn postgres_for(&self, data_version: Option<&str>) -> Option<&Path> {
        let Some(wanted) = data_version else {
            return self.postgres.first().map(|bin| bin.directory.as_path());
        };
        let matches = |bin: &&PostgresBin| {
            // A Postgres off the PATH tells its version only when it starts: let it judge.
            bin.version
                .is_none_or(|version| version.to_string() == wanted)
        };
        self.postgres
            .iter()
            .find(matches)
            .map(|bin| bin.directory.as_path())
    }
}

fn postgres_bins() -> Vec<PostgresBin> {
    let mut found: Vec<PostgresBin> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name().and_then(OsStr::to_str)?.parse().ok()?;
            let directory = path.join("bin");
            directory.join("postgres").is_file().then_some(PostgresBin {
                version: Some(version),
                directory,
            })
        })
        .collect();
    found.sort_by_key(|bin| std::cmp::Reverse(bin.version));
    if found.is_empty()
        && let Some(directory) =
            on_path("postgres").and_then(|found| found.parent().map(Path::to_owned))
    {
        found.push(PostgresBin {
            version: None,
            directory,
        });
    }
    found
}

pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|p| p.is_file())
}

/// What is there, after an installation of what is missing where that is permitted.
pub(crate) async fn found_or_installed<T>(
    look: impl Fn() -> Result<T, StartError>,
    install: Install,
    progress: &Progress,
) -> Result<T, StartError> {
    let (missing, packages) = match (look(), install) {
        (Err(missing @ StartError::Missing { packages, .. }), Install::WhenPermitted) => {
            (missing, packages)
        }
        (found, _) => return found,
    };
    let Some(mut command) = installer().await else {
        return Err(missing);
    };
    command.args(packages.names);
    progress.tell(Step::Installing(packages));
    let ended = finish(command, INSTALL_SCRIPT, INSTALL_LIMIT).await?;
    if !ended.success {
        return Err(StartError::Install {
            packages,
            output: ended.output,
        });
    }
    look()
}

/// The command that runs the script on its standard input with root's rights, if we have them; the
/// script's arguments come next.
async fn installer() -> Option<Command> {
    on_path("apt-get")?;
    if is_root().unwrap_or(false) {
        let mut shell = Command::new("sh");
        shell.args(["-s", "--"]);
        return Some(shell);
    }
    on_path("sudo")?;
    let mut ask = Command::new("sudo");
    ask.args(["-n", "true"]);
    let permitted = finish(ask, "", SUDO_LIMIT)
        .await
        .is_ok_and(|ended| ended.success);
    permitted.then(|| {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh", "-s", "--"]);
        sudo
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_started_by_the_version_that_wrote_it() {
        let bin = |version: u32| PostgresBin {
            version: Some(version),
            directory: PathBuf::from(format!("/{version}")),
        };
        let programs = Programs {
            postgres: vec![bin(17), bin(15)],
            rabbitmq_server: PathBuf::new(),
            rabbitmqctl: PathBuf::new(),
            epmd: PathBuf::new(),
        };
        assert_eq!(programs.postgres_for(None), Some(Path::new("/17")));
        assert_eq!(programs.postgres_for(Some("15")), Some(Path::new("/15")));
        assert_eq!(programs.postgres_for(Some("13")), None);
    }
}
