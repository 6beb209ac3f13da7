//! The rules of webhook delivery: what an event, an endpoint, a delivery and an attempt are, and
//! what may follow what.
//!
//! **Invariant:** nothing here reads a clock, draws a random number or does input or output. The
//! instant, the jitter and the answer of a receiver are arguments, so every rule can be tested
//! without a server, and the same input always gives the same decision.

pub mod limits;

pub mod id;

pub mod event;
pub mod event_type;
pub mod operational;
pub mod schema;
pub mod trace;

pub mod address;
pub mod endpoint;
pub mod endpoint_url;
pub mod matching;
pub mod selection;

pub mod attempt;
pub mod breaker;
pub mod delivery;
pub mod dispatch;
pub mod explain;
pub mod health;
pub mod loss;
pub mod outcome;
pub mod replay;
pub mod report;
pub mod retry;
pub mod retry_after;
pub mod tier;

pub mod fairness;
pub mod shard;

#[cfg(test)]
mod fuzz;
