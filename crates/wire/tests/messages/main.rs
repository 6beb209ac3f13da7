//! The messages as bytes: there and back, from old versions, and refused.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint knows functions marked as tests alone"
)]

mod round_trips;

mod compatibility;

mod refusals;

mod fuzz;

mod samples;
mod strategies;
