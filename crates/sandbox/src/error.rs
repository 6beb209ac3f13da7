//! Why servers could not be started, stopped or ended.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::packages::Packages;
use crate::server::Kind;

/// Why a sandbox, or one of its servers, did not get where it should.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A package is missing and we may not install it.
    #[error("{program} is not installed: run `apt-get install {packages}` as root{}", packages.instead)]
    Missing {
        /// What was looked for.
        program: &'static str,
        /// The packages that it comes with.
        packages: Packages,
    },
    /// The installation failed.
    #[error("installing {packages} failed:\n{output}")]
    Install {
        /// What was to be installed.
        packages: Packages,
        /// The last lines that apt-get wrote.
        output: String,
    },
    /// Another sandbox uses the directory.
    #[error("{} is in use by process {holder}: stop that one first, or name another directory", directory.display())]
    InUse {
        /// The directory asked for.
        directory: PathBuf,
        /// Whom its servers run for.
        holder: String,
    },
    /// The servers' own users can't reach the directory.
    #[error(
        "the servers' users can't reach {}: {} must be searchable by others (chmod o+x), or name \
         another directory", directory.display(), parent.display()
    )]
    Unreachable {
        /// The directory asked for.
        directory: PathBuf,
        /// The parent that is closed to them.
        parent: PathBuf,
    },
    /// The directory holds the data of a Postgres that is not installed (any more).
    #[error(
        "{} holds data of PostgreSQL {version}, which is not installed: install \
         postgresql-{version}, or name another directory", directory.display()
    )]
    OtherVersion {
        /// The directory asked for.
        directory: PathBuf,
        /// The major version that wrote the data.
        version: String,
    },
    /// No five free ports were found.
    #[error("no free ports on 127.0.0.1 below the ephemeral range")]
    NoPorts,
    /// The kernel gave no random numbers.
    #[error("no random numbers for the passwords: {0}")]
    NoRandomness(getrandom::Error),
    /// A program that prepares something failed.
    #[error("{program} failed:\n{output}")]
    Program {
        /// What was run.
        program: String,
        /// The end of what it wrote.
        output: String,
    },
    /// A server ended while it started.
    #[error("{server} ended while starting; its log ends:\n{log}")]
    Ended {
        /// Which one.
        server: Kind,
        /// The last lines of its log.
        log: String,
    },
    /// A server was not ready in time.
    #[error("{server} was not ready within {} s; its log ends:\n{log}", limit.as_secs())]
    Late {
        /// Which one.
        server: Kind,
        /// How long it was given.
        limit: Duration,
        /// The last lines of its log.
        log: String,
    },
    /// A process did not end in time.
    #[error("{what} did not end within {} s", limit.as_secs())]
    Stuck {
        /// The server or the keeper.
        what: String,
        /// How long it was given.
        limit: Duration,
    },
    /// A file or a process could not be handled.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What we were about to do.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl StartError {
    /// For `map_err`: what we were about to do, to which file.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
