//! Both servers together.

use std::time::Duration;

use crate::access::{Access, Identity};
use crate::account::Account;
use crate::command::{run_as, succeed};
use crate::directory::Directory;
use crate::error::StartError;
use crate::keeper::{Keeper, Orders};
use crate::options::{Options, Progress, Step, Watch};
use crate::packages::{Packages, Programs};
use crate::ports::Ports;
use crate::process::{Process, Signal, signal};
use crate::server::{Kind, Server};
use crate::{broker, postgres};

/// rabbitmqctl starts an Erlang machine of its own: seconds on a busy computer.
const CONTROL_LIMIT: Duration = Duration::from_mins(1);

/// A private Postgres and RabbitMQ. Dropping it stops them, without waiting for it;
/// [`Servers::stop`] waits.
#[derive(Debug)]
pub struct Servers {
    access: Access,
    identity: Identity,
    directory: Directory,
    broker_account: Account,
    programs: Programs,
    keeper: Keeper,
    patience: Duration,
    at_drop: AtDrop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtDrop {
    Stop,
    LeaveRunning,
}

impl Servers {
    /// Starts both servers side by side, and returns when both take connections. Cancel safe: what
    /// was started until then is stopped.
    ///
    /// # Errors
    /// Every [`StartError`]; whatever had been started is stopped.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let programs = Programs::find(options.install, &options.progress).await?;
        let postgres_account = account("postgres", "PostgreSQL")?;
        let broker_account = account("rabbitmq", "RabbitMQ")?;
        let watched = match options.watch {
            Watch::Process(process) => process,
            Watch::ThisProcess => Process::current()
                .map_err(StartError::io("looking at", std::path::Path::new("/proc")))?,
        };
        let directory = Directory::open(
            &options.place,
            &[&postgres_account, &broker_account],
            watched,
        )
        .await?;
        end_leftovers(&directory).await?;
        let identity = Identity::of(&directory)?;
        let postgres_bin = postgres::choose(&programs, &directory)?;
        broker::prepare(&broker_account, &directory, &identity, &options)?;
        let keeper = Keeper::spawn(&Orders {
            directory: &directory,
            place: &options.place,
            identity: &identity,
            broker_environment: &options.broker_environment,
            programs: &programs,
            postgres_bin: &postgres_bin,
            postgres_account: &postgres_account,
            broker_account: &broker_account,
            watched,
        })?;
        let servers = Self {
            access: identity.access(&directory, keeper.process()),
            identity,
            directory,
            broker_account,
            programs,
            keeper,
            patience: options.patience,
            at_drop: AtDrop::Stop,
        };
        options.progress.tell(Step::Starting);
        tokio::try_join!(
            async {
                let Self {
                    directory,
                    identity,
                    ..
                } = &servers;
                postgres::prepare(
                    &postgres_bin,
                    &postgres_account,
                    directory,
                    identity,
                    &options,
                )
                .await?;
                servers.postgres().start_and_tell(&options.progress).await
            },
            servers.broker().start_and_tell(&options.progress),
        )?;
        Ok(servers)
    }

    /// How to reach the servers.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// `postgres://…`, with user and password.
    #[must_use]
    pub fn postgres_url(&self) -> &str {
        &self.access.postgres_url
    }

    /// `amqp://…`, with user and password, to the virtual host `/`.
    #[must_use]
    pub fn amqp_url(&self) -> &str {
        &self.access.amqp_url
    }

    /// `http://…`: RabbitMQ's management API, with user and password.
    #[must_use]
    pub fn management_url(&self) -> &str {
        &self.access.management_url
    }

    /// Postgres alone.
    #[must_use]
    pub fn postgres(&self) -> Server<'_> {
        Server {
            servers: self,
            kind: Kind::Postgres,
        }
    }

    /// RabbitMQ alone.
    #[must_use]
    pub fn broker(&self) -> Server<'_> {
        Server {
            servers: self,
            kind: Kind::Broker,
        }
    }

    /// Runs rabbitmqctl on this broker, and returns what it wrote (the end of it when it is long).
    ///
    /// # Errors
    /// [`StartError::Program`] when it fails or takes longer than a minute.
    pub async fn rabbitmqctl(&self, arguments: &[&str]) -> Result<String, StartError> {
        let mut command = run_as(&self.broker_account, &self.programs.rabbitmqctl);
        command
            .args(["--quiet", "--node", broker::NODE])
            .args(arguments);
        command
            .envs(broker::environment(&self.directory, &self.identity))
            .current_dir("/");
        succeed(command, "", CONTROL_LIMIT).await
    }

    /// Kills the broker if it runs, and deletes all it has on disk: its next start is its first,
    /// without virtual hosts, users and queues of ours.
    ///
    /// # Errors
    /// [`StartError::Stuck`] when it can't be killed, [`StartError::Io`] when its data can't be
    /// deleted.
    pub async fn lose_broker_disk(&self) -> Result<(), StartError> {
        self.broker().kill().await?;
        let data = self.directory.file(broker::DATA);
        std::fs::remove_dir_all(&data).map_err(StartError::io("removing", &data))?;
        self.directory
            .server_directory(broker::DATA, &self.broker_account)?;
        Ok(())
    }

    /// Leaves the servers to their keeper: they run until the watched process ends.
    #[must_use]
    pub fn hand_over(mut self) -> Access {
        self.at_drop = AtDrop::LeaveRunning;
        self.access.clone()
    }

    /// Stops both servers in good order, and returns when no process of theirs is left. An ephemeral
    /// directory is gone then.
    ///
    /// # Errors
    /// [`StartError::Stuck`] when the keeper has not ended within 20 s.
    pub async fn stop(mut self) -> Result<(), StartError> {
        self.keeper.ask_to_end().map_err(StartError::io(
            "signalling the keeper of",
            self.directory.root(),
        ))?;
        self.at_drop = AtDrop::LeaveRunning;
        self.keeper.ended().await
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn ports(&self) -> Ports {
        self.identity.ports
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if self.at_drop == AtDrop::Stop
            && let Err(error) = self.keeper.ask_to_end()
        {
            // The keeper also ends with the process that it watches.
            tracing::warn!(%error, "the keeper could not be told to stop the servers");
        }
    }
}

impl Server<'_> {
    async fn start_and_tell(self, progress: &Progress) -> Result<(), StartError> {
        let after = self.start().await?;
        progress.tell(Step::Ready {
            server: self.kind,
            after,
        });
        Ok(())
    }
}

fn account(user: &str, program: &'static str) -> Result<Account, StartError> {
    Account::for_server(user)
        .map_err(StartError::io(
            "reading",
            std::path::Path::new("/etc/passwd"),
        ))?
        .ok_or(Packages::SERVERS.missing(program))
}

/// Ends servers whose keeper was killed: we hold the lock, so nobody keeps them.
async fn end_leftovers(directory: &Directory) -> Result<(), StartError> {
    const LIMIT: Duration = Duration::from_secs(10);
    for server in ["postgres", "broker", "epmd"] {
        let Some(process) = directory.noted(server).filter(|process| process.is_alive()) else {
            continue;
        };
        let everyone = process.tree();
        signal(Signal::Kill, &everyone).map_err(StartError::io(
            "signalling the processes of",
            directory.root(),
        ))?;
        for process in everyone {
            if !process.gone_within(LIMIT).await {
                return Err(StartError::Stuck {
                    what: server.to_owned(),
                    limit: LIMIT,
                });
            }
        }
    }
    Ok(())
}
