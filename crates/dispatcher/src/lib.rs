//! The dispatcher: sends deliveries to endpoints, and decides with `domain` what follows each
//! attempt.
//!
//! Messages come by the lanes and are taken apart; each delivery asks whether it may be made,
//! is sent through the egress, and is settled: the next step and the report are confirmed, and
//! with the last of its deliveries a message is acknowledged.
//!
//! **Invariant:** no item's place in a message is given up before what follows it is confirmed.
//! **Invariant:** nothing is sent but through [`egress`], to a target that was vetted for it.

mod config;

mod lane;
mod pace;
mod progress;
mod ticket;

mod dispatcher;
mod doubt;
mod memory;
mod recent;

mod admission;
mod directory;
mod gate;
mod notices;
mod payloads;
mod refusal;
mod room;

mod attempt;
mod compose;
pub mod egress;
mod request;

mod outbox;
mod reports;
mod settle;

mod metrics;
mod telemetry;

mod run;

pub use config::{Addresses, Config, Switch};
pub use run::{Parts, RunError, run};
