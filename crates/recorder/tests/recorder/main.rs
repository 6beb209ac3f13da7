//! The recorder against a real RabbitMQ and a real Postgres.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint knows functions marked as tests alone"
)]

mod dead;
mod herald;
mod results;
mod upkeep;

mod rig;
