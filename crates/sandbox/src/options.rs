//! What a caller may choose.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::packages::Packages;
use crate::process::Process;
use crate::server::Kind;

/// What to start, where, and for how long.
#[derive(Debug)]
pub struct Options {
    /// Where the data lives and whether it outlives the servers.
    pub place: Place,
    /// The process whose end also ends the servers.
    pub watch: Watch,
    /// Whether missing packages may be installed.
    pub install: Install,
    /// Further lines for postgresql.conf, as name and value; they win over ours.
    pub postgres_settings: Vec<(&'static str, &'static str)>,
    /// Further lines for rabbitmq.conf, as name and value; they win over ours.
    pub broker_settings: Vec<(&'static str, &'static str)>,
    /// Further settings of the application `rabbit` that rabbitmq.conf has no name for, as key and
    /// Erlang term.
    pub broker_terms: Vec<(&'static str, &'static str)>,
    /// Further variables of the broker's environment, which it also has at its first start.
    pub broker_environment: Vec<(&'static str, &'static str)>,
    /// How long one server may take to be ready. RabbitMQ takes about four seconds on an idle
    /// machine of two cores, several times that on a busy one.
    pub patience: Duration,
    /// Told what happens.
    pub progress: Progress,
}

impl Options {
    /// Servers that end with this process, and whose data ends with them.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self::new(Place::Ephemeral)
    }

    /// Servers that end with this process, and whose data stays in `directory`.
    #[must_use]
    pub fn persistent(directory: PathBuf) -> Self {
        Self::new(Place::Kept(directory))
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            watch: Watch::ThisProcess,
            install: Install::WhenPermitted,
            postgres_settings: Vec::new(),
            broker_settings: Vec::new(),
            broker_terms: Vec::new(),
            broker_environment: Vec::new(),
            patience: Duration::from_secs(120),
            progress: Progress::default(),
        }
    }
}

/// Where the data lives.
#[derive(Debug, Clone)]
pub enum Place {
    /// A new directory under the temporary directory, removed when the servers stop.
    Ephemeral,
    /// This directory, made when missing; what it holds is started again.
    Kept(PathBuf),
}

impl Place {
    /// The directory to keep data in unless told otherwise: `/var/lib/posthaste` for root (Postgres'
    /// own user must be able to reach it), else `posthaste` under the user's state directory
    /// (`$XDG_STATE_HOME`, `~/.local/state`). `None` when there is no home directory.
    #[must_use]
    pub fn usual() -> Option<PathBuf> {
        if crate::account::is_root().unwrap_or(false) {
            return Some(PathBuf::from("/var/lib/posthaste"));
        }
        std::env::var_os("XDG_STATE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| Some(std::env::home_dir()?.join(".local/state")))
            .map(|state| state.join("posthaste"))
    }
}

/// The process whose end also ends the servers.
#[derive(Debug, Clone, Copy)]
pub enum Watch {
    /// The one that starts them.
    ThisProcess,
    /// Another one, such as the test runner above us.
    Process(Process),
}

/// Whether missing packages may be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Install {
    /// When we are root, or sudo asks for no password, and there is apt-get.
    WhenPermitted,
    /// Never: missing packages are an error.
    Never,
}

/// A step worth telling a person about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Packages are missing and are being installed; this takes a minute or so.
    Installing(Packages),
    /// The servers are being started.
    Starting,
    /// One server takes connections.
    Ready {
        /// Which one.
        server: Kind,
        /// Time since it was asked for.
        after: Duration,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installing(packages) => write!(
                f,
                "installing the Debian packages {packages} (their services are not started)"
            ),
            Self::Starting => f.write_str("starting a private Postgres and RabbitMQ"),
            Self::Ready { server, after } => {
                write!(f, "{server} is ready after {:.1} s", after.as_secs_f64())
            }
        }
    }
}

/// Called at each [`Step`]. The default writes it to the log.
pub struct Progress(Box<dyn Fn(Step) + Send + Sync>);

impl Progress {
    /// Calls `tell` at each step; it must not block.
    pub fn new(tell: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self(Box::new(tell))
    }

    pub(crate) fn tell(&self, step: Step) {
        (self.0)(step);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new(|step| tracing::info!("{step}"))
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress(..)")
    }
}
