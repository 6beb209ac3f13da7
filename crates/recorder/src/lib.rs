//! The recorder: writes what became of deliveries, keeps what nothing more is done for, tells the
//! platform what it should know, and looks after the record's partitions.
//!
//! Each queue has a `lane`. Reports go into the record in big batches (`results`). What lies
//! in the dead letters has one of two fates (`fate`): the items of a message that only came back
//! too often are tried once more, each alone; all else is kept as a `letter` for a person. The
//! `herald` publishes operational events, which lie in the record's outbox, to fan-out; the
//! `watch` judges endpoints by their attempts, and tells of those that are failing.
//!
//! **Invariant:** a message is acknowledged after the commit, or the confirm, of all that is in
//! it; one that comes back changes nothing. No byte of a dead letter is lost.
//! **Invariant:** no delivery waits for the recorder. While Postgres is down reports wait here and
//! in their queue.

mod run;

mod results;

mod dead;
mod fate;
mod letter;

mod herald;
mod watch;

mod backlog;
mod bookkeeping;
mod upkeep;

mod config;
mod interrupted;
mod lane;
mod metrics;

#[cfg(test)]
mod samples;

pub use config::Config;
pub use run::{Parts, run};
