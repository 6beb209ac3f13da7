//! The commands for people, one a file.

pub(crate) mod config;
pub(crate) mod endpoints;
pub(crate) mod keys;
pub(crate) mod listen;
pub(crate) mod migrate;
pub(crate) mod publish;
pub(crate) mod reconcile;
pub(crate) mod replays;
pub(crate) mod topology;
