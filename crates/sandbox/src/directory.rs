//! The sandbox's directory: what lies where, who may enter, and whose it is.
//!
//! ```text
//! <root>/            0711, ours
//!   lock             held by the keeper; names the process it watches
//!   identity.json    0600: passwords and ports
//!   <server>.log     standard output and error of each server, and of the keeper
//!   <server>.pid     written by the keeper: process id and start time
//!   <server>.wanted  asks the keeper to start the server
//!   postgres/        0700, Postgres' user
//!   broker/          0700, RabbitMQ's user
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::account::Account;
use crate::command::last_lines;
use crate::error::StartError;
use crate::options::Place;
use crate::process::Process;

/// How long a keeper whose process is gone may take to stop its servers.
const HANDOVER_LIMIT: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The end of a log that is read for an error.
const LOG_TAIL_BYTES: u64 = 32 * 1024;

/// A directory whose lock we hold.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    lock: File,
}

impl Directory {
    /// Opens the place for servers that run as `accounts`, until `watched` ends.
    pub(crate) async fn open(
        place: &Place,
        accounts: &[&Account],
        watched: Process,
    ) -> Result<Self, StartError> {
        let root = match place {
            Place::Ephemeral => ephemeral(accounts)?,
            Place::Kept(path) => kept(path)?,
        };
        check_reachable(&root, accounts)?;
        let lock = lock(&root, watched).await?;
        Ok(Self { root, lock })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The lock once more, for the keeper: it is free when the last copy is closed.
    pub(crate) fn lock_for_keeper(&self) -> Result<File, StartError> {
        self.lock
            .try_clone()
            .map_err(StartError::io("sharing", &self.file("lock")))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A directory for one server, 0700 and its user's.
    pub(crate) fn server_directory(
        &self,
        name: &str,
        account: &Account,
    ) -> Result<PathBuf, StartError> {
        let path = self.file(name);
        make_directory(&path, 0o700)?;
        account
            .own(&path)
            .map_err(StartError::io("changing the owner of", &path))?;
        Ok(path)
    }

    /// The process that the keeper noted for a server; it may be gone.
    pub(crate) fn noted(&self, server: &str) -> Option<Process> {
        let note = fs::read_to_string(self.file(&format!("{server}.pid"))).ok()?;
        Process::from_note(&note)
    }

    /// The last lines of a server's log; empty when there is none.
    pub(crate) fn log_tail(&self, server: &str) -> String {
        let read = || {
            let mut log = File::open(self.file(&format!("{server}.log")))?;
            let length = log.metadata()?.len();
            log.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
            let mut tail = Vec::new();
            log.take(LOG_TAIL_BYTES).read_to_end(&mut tail)?;
            std::io::Result::Ok(tail)
        };
        last_lines(&String::from_utf8_lossy(&read().unwrap_or_default()))
    }
}

/// Writes a file that only its owner reads, in place of what was there.
pub(crate) fn write_private(path: &Path, text: &str, owner: &Account) -> Result<(), StartError> {
    let write = || {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        owner.own(path)
    };
    write().map_err(StartError::io("writing", path))
}

fn make_directory(path: &Path, mode: u32) -> Result<(), StartError> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .map_err(StartError::io("making the directory", path))
}

fn ephemeral(accounts: &[&Account]) -> Result<PathBuf, StartError> {
    // A temporary directory of root's own (/root/tmp, or one by pam_namespace) is closed to the
    // servers' users, hence the second choice.
    let parent = [std::env::temp_dir(), PathBuf::from("/var/tmp")]
        .into_iter()
        .find(|parent| check_reachable(parent, accounts).is_ok())
        .unwrap_or_else(std::env::temp_dir);
    let made = tempfile::Builder::new()
        .prefix("posthaste-")
        .permissions(Permissions::from_mode(0o711))
        .tempdir_in(&parent)
        .map_err(StartError::io("making a directory in", &parent))?;
    // From here on the keeper removes it.
    Ok(made.keep())
}

fn kept(path: &Path) -> Result<PathBuf, StartError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(StartError::io("making the directory", parent))?;
    }
    make_directory(path, 0o711)?;
    fs::canonicalize(path).map_err(StartError::io("resolving", path))
}

/// Users other than ours need the search permission on every parent.
fn check_reachable(directory: &Path, accounts: &[&Account]) -> Result<(), StartError> {
    if accounts
        .iter()
        .all(|account| matches!(account, Account::Own))
    {
        return Ok(());
    }
    for parent in directory.ancestors() {
        let metadata = fs::metadata(parent).map_err(StartError::io("looking at", parent))?;
        if metadata.permissions().mode() & 0o001 == 0 {
            return Err(StartError::Unreachable {
                directory: directory.to_owned(),
                parent: parent.to_owned(),
            });
        }
    }
    Ok(())
}

/// Takes the lock, and notes in it whom the servers run for.
async fn lock(root: &Path, watched: Process) -> Result<File, StartError> {
    let path = root.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(StartError::io("opening", &path))?;
    let deadline = Instant::now() + HANDOVER_LIMIT;
    while file.try_lock().is_err() {
        // Held for a process that is gone: its keeper is about to stop its servers.
        let holder = fs::read_to_string(&path)
            .ok()
            .and_then(|note| Process::from_note(&note));
        if holder.is_some_and(Process::is_alive) || Instant::now() >= deadline {
            let holder = holder.map_or_else(|| "unknown".to_owned(), |p| p.pid().to_string());
            return Err(StartError::InUse {
                directory: root.to_owned(),
                holder,
            });
        }
        sleep(LOOK_EVERY).await;
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{} {}", watched.pid(), watched.started()))
        .map_err(StartError::io("writing", &path))?;
    Ok(file)
}
