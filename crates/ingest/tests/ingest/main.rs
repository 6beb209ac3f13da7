//! Ingest against a real RabbitMQ and a real Postgres: what comes in over HTTP and from the inbox,
//! and what then stands in the fan-out queue.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint knows functions marked as tests alone"
)]

mod accepts;
mod bounds;
mod refuses;

mod batch_refusals;
mod batches;
mod cloud_events;
mod connections;
mod keys;
mod loops;

mod hostile;
mod inbox;
mod inbox_bounds;
mod rejects;

mod schemas;

mod interrupted;
mod outage;
mod shares;
mod silence;

mod rig;
