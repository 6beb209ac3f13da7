//! The record against a real Postgres: every statement, and what must hold between them.

#![expect(
    clippy::unwrap_used,
    reason = "test support: a panic is the failure's report"
)]

mod audit;
mod branding;
mod breakers;
mod dead_letters;
mod deliveries;
mod directory;
mod endpoints;
mod events;
mod explain;
mod fence;
mod health;
mod held;
mod lanes;
mod ledger;
mod lost;
mod management;
mod operational;
mod outage;
mod partitions;
mod plans;
mod replays;
mod reports;
mod schema;
mod secrets;
mod server;
mod sessions;
mod settings;
mod stats;
mod support;
mod troubled;
