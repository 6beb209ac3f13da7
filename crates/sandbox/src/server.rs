//! One of the two servers: started, stopped, killed and paused on its own.

use std::fmt;
use std::fs::File;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::error::StartError;
use crate::process::{Process, Signal, signal};
use crate::servers::Servers;
use crate::{broker, postgres};

/// How often a server that starts is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long one look may take.
const LOOK_LIMIT: Duration = Duration::from_secs(2);
/// How long the keeper may take to act on a request; it looks five times a second.
const KEEPER_LIMIT: Duration = Duration::from_secs(20);
const KILL_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// RabbitMQ.
    Broker,
}

impl Kind {
    /// The name in the keeper's files.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Broker => "broker",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Broker => "RabbitMQ",
        })
    }
}

/// A handle on one server.
#[derive(Debug, Clone, Copy)]
pub struct Server<'a> {
    pub(crate) servers: &'a Servers,
    pub(crate) kind: Kind,
}

impl Server<'_> {
    /// The server's process, if it runs.
    #[must_use]
    pub fn process(self) -> Option<Process> {
        self.servers
            .directory()
            .noted(self.kind.file())
            .filter(|process| process.is_alive())
    }

    /// Starts the server unless it runs, and waits until it takes connections; says how long that
    /// took. Cancel safe: the keeper then starts it nevertheless.
    ///
    /// # Errors
    /// [`StartError::Ended`] or [`StartError::Late`], with the end of its log.
    pub async fn start(self) -> Result<Duration, StartError> {
        let began = Instant::now();
        let process = match self.process() {
            Some(process) => process,
            None => self.launch().await?,
        };
        let limit = self.servers.patience();
        while !self.answers().await {
            if !process.is_alive() {
                return Err(StartError::Ended {
                    server: self.kind,
                    log: self.log_tail(),
                });
            }
            if began.elapsed() >= limit {
                return Err(StartError::Late {
                    server: self.kind,
                    limit,
                    log: self.log_tail(),
                });
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(began.elapsed())
    }

    /// Stops the server in good order, its data flushed; clients are disconnected.
    ///
    /// # Errors
    /// [`StartError::Stuck`] when it still runs after a minute.
    pub async fn stop(self) -> Result<(), StartError> {
        let Some(process) = self.process() else {
            return Ok(());
        };
        let gently = match self.kind {
            Kind::Postgres => Signal::Interrupt,
            Kind::Broker => Signal::Terminate,
        };
        self.send(gently, &[process])?;
        self.all_gone(&[process], STOP_LIMIT).await
    }

    /// Kills the server and all its helpers with SIGKILL, and returns when they are gone: what was
    /// not on disk is lost.
    ///
    /// # Errors
    /// [`StartError::Stuck`] when one of them still runs after ten seconds.
    pub async fn kill(self) -> Result<(), StartError> {
        let Some(process) = self.process() else {
            return Ok(());
        };
        let everyone = process.tree();
        self.send(Signal::Kill, &everyone)?;
        self.all_gone(&everyone, KILL_LIMIT).await
    }

    /// Stops the server's processes in their tracks (SIGSTOP): connections stay open and silent.
    ///
    /// # Errors
    /// When no signal can be sent.
    pub fn pause(self) -> Result<(), StartError> {
        let Some(process) = self.process() else {
            return Ok(());
        };
        self.send(Signal::Stop, &process.tree())
    }

    /// Lets a paused server go on.
    ///
    /// # Errors
    /// When no signal can be sent.
    pub fn resume(self) -> Result<(), StartError> {
        let Some(process) = self.process() else {
            return Ok(());
        };
        self.send(Signal::Continue, &process.tree())
    }

    /// Asks the keeper, and waits for the process that it notes.
    async fn launch(self) -> Result<Process, StartError> {
        let directory = self.servers.directory();
        let before = directory.noted(self.kind.file());
        let request = directory.file(&format!("{}.wanted", self.kind.file()));
        File::create(&request).map_err(StartError::io("writing", &request))?;
        let deadline = Instant::now() + KEEPER_LIMIT;
        loop {
            match directory.noted(self.kind.file()) {
                Some(process) if Some(process) != before => return Ok(process),
                _ if Instant::now() >= deadline => {
                    let what = "the keeper".to_owned();
                    return Err(StartError::Stuck {
                        what,
                        limit: KEEPER_LIMIT,
                    });
                }
                _ => sleep(LOOK_EVERY).await,
            }
        }
    }

    async fn answers(self) -> bool {
        let ports = self.servers.ports();
        let look = async {
            match self.kind {
                Kind::Postgres => postgres::answers(ports.postgres).await,
                Kind::Broker => broker::answers(ports.amqp, ports.management).await,
            }
        };
        matches!(timeout(LOOK_LIMIT, look).await, Ok(Ok(true)))
    }

    async fn all_gone(self, processes: &[Process], limit: Duration) -> Result<(), StartError> {
        for process in processes {
            if !process.gone_within(limit).await {
                return Err(StartError::Stuck {
                    what: self.kind.to_string(),
                    limit,
                });
            }
        }
        Ok(())
    }

    fn send(self, which: Signal, processes: &[Process]) -> Result<(), StartError> {
        signal(which, processes).map_err(StartError::io(
            "signalling the processes of",
            self.servers.directory().root(),
        ))
    }

    fn log_tail(self) -> String {
        self.servers.directory().log_tail(self.kind.file())
    }
}
