//! The command line: an enum of commands and one match.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use service::telemetry::{Telemetry, TelemetryConfig};

use crate::cmd::{
    config, endpoints, keys, listen, migrate, publish, ready, reconcile, replays, rewrap, topology,
};
use crate::settings::File;
use crate::{demo, doctor, roles, top, up};

/// Delivers webhooks: publish an event, and every endpoint that subscribed to it gets it, signed,
/// at least once, retried with exponential backoff.
#[derive(Debug, Parser)]
#[command(name = "posthaste", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    telemetry: TelemetryConfig,
    /// A file of settings, in TOML; `posthaste config` prints one.
    #[arg(long, global = true, env = "POSTHASTE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// What stands in it.
    #[arg(skip)]
    pub(crate) file: File,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Up(Box<up::Up>),
    Ingest(Box<roles::Ingest>),
    Fanout(Box<roles::Fanout>),
    Dispatcher(Box<roles::Dispatcher>),
    Recorder(Box<roles::Recorder>),
    Console(Box<roles::Console>),
    Config(config::Config),
    Doctor(doctor::Doctor),
    Migrate(migrate::Migrate),
    Reconcile(reconcile::Reconcile),
    Rewrap(rewrap::Rewrap),
    Ready(ready::Ready),
    Topology(topology::TopologyCommand),
    Keys(keys::Keys),
    Listen(listen::Listen),
    Publish(publish::Publish),
    Endpoints(endpoints::Endpoints),
    Replays(replays::Replays),
    Top(top::Top),
}

impl Cli {
    /// Runs the command.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let started = |role| Telemetry::start(&self.telemetry, role);
        match self.command {
            Command::Up(up) => Box::pin(up::run(*up, started("up")?)).await,
            Command::Ingest(role) => role.run(started("ingest")?).await,
            Command::Fanout(role) => role.run(started("fanout")?).await,
            Command::Dispatcher(role) => Box::pin(role.run(started("dispatcher")?)).await,
            Command::Recorder(role) => role.run(started("recorder")?).await,
            Command::Console(role) => role.run(started("console")?).await,
            Command::Demo(demo) => Box::pin(demo::run(demo, self.telemetry)).await,
            Command::Config(command) => {
                config::run(&command, &self.file);
                Ok(())
            }
            Command::Doctor(doctor) => Box::pin(doctor::run(doctor)).await,
            Command::Migrate(migrate) => migrate::run(migrate).await,
            Command::Reconcile(command) => Box::pin(reconcile::run(command)).await,
            Command::Rewrap(command) => rewrap::run(command).await,
            Command::Ready(command) => ready::run(command).await,
            Command::Topology(command) => topology::run(command).await,
            Command::Keys(keys) => keys::run(keys).await,
            Command::Listen(listen) => listen::run(listen).await,
            Command::Publish(publish) => publish::run(publish).await,
            Command::Endpoints(endpoints) => endpoints::run(endpoints).await,
            Command::Replays(replays) => replays::run(replays).await,
            Command::Top(top) => top::run(top).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
