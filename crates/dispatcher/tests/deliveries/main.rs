//! The dispatcher against a real broker, a real record and receivers that behave as scripted.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint knows functions marked as tests alone"
)]

mod batches;
mod breaker;
mod bulk;
mod crowds;
mod custody;
mod endpoints;
mod outage;
mod progress;
mod rates;
mod retries;
mod signing;
mod world;
