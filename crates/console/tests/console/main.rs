//! The management API against a real RabbitMQ and a real Postgres, as its callers see it.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint knows functions marked as tests alone"
)]

mod access;
mod audit;
mod bodies;
mod dead_letters;
mod deliveries;
mod endpoints;
mod explain;
mod filters;
mod health;
mod held;
mod ledger;
mod paging;
mod platform;
mod replay;
mod replays;
mod schemas;
mod secrets;
mod settings;

mod document;
mod past;
mod world;
