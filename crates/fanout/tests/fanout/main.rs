//! Fan-out against a real RabbitMQ and a real Postgres.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint knows functions marked as tests alone"
)]

mod lanes;
mod matching;
mod once;
mod outage;
mod poison;

mod rig;
