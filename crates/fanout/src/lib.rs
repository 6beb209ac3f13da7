//! Fan-out: writes events to the record and turns each into deliveries.
//!
//! A `worker` takes what has come in together (an `intake`). Its events are matched against
//! the newest subscriptions, recorded in one transaction (a `recording`), and published as
//! `messages` to the dispatchers; then the intake is acknowledged. What is above its tenant's share
//! has a `lane` of its own, with workers of its own.
//!
//! **Invariant:** a message is acknowledged after the commit of its events, the confirm of each of
//! their deliveries, and the confirm of whatever in it had to be parked. One that comes back is
//! recorded once and names the same deliveries.
//! **Invariant:** no message is returned for want of Postgres: fan-out holds what it has and
//! waits, so an outage costs no message one of its returns.

mod run;
mod worker;

mod fan_out;
mod intake;
mod lane;
mod messages;
mod portions;
mod recording;

mod config;
mod interrupted;
mod metrics;

#[cfg(test)]
mod samples;

pub use config::Config;
pub use run::{Parts, run};
