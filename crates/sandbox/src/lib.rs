//! A private Postgres and RabbitMQ from Debian's packages, in a directory and on ports of their own.
//!
//! [`Servers::start`] finds the packages (or installs them where that is permitted), prepares a
//! directory, and hands it to the **keeper**, a small shell script in a session of its own. The
//! keeper starts both servers and stops them when the process it watches is gone, however that
//! process ended, so nothing is left behind. [`Browser::find`] and [`Prometheus::find`] do the same
//! for the programs of tests.
//!
//! **Invariants:** servers that already run on the machine are never connected to, configured or
//! signalled. Everything listens on 127.0.0.1 and asks for a random password. A directory belongs
//! to one keeper at a time: the keeper holds its lock for as long as a server may run.

mod access;
mod account;
mod broker;
mod browser;
mod command;
mod directory;
mod error;
mod keeper;
mod options;
mod packages;
mod ports;
mod postgres;
mod process;
mod prometheus;
mod server;
mod servers;

pub use access::Access;
pub use browser::Browser;
pub use error::StartError;
pub use options::{Install, Options, Place, Progress, Step, Watch};
pub use packages::Packages;
pub use process::{Process, Signal, signal};
pub use prometheus::Prometheus;
pub use server::{Kind, Server};
pub use servers::Servers;
