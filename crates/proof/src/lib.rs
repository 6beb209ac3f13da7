//! The fault run: the real program, each role two processes, on private servers, while everything
//! is killed, stopped, cut and filled; and a comparison of two logs at the end.
//!
//! A publisher and a receiver, each a process of its own, write down what they are about to do and
//! do it once it is on disk ([`journal`]). [`fault`] says what is done in which order, by a seed;
//! [`inject`] does it and sees that it happened; [`oracle`] compares. A fault that did nothing ends
//! the run with an error, so that it can't pass for one that was withstood.
//!
//! **Invariant:** nothing here looks into the program: it is killed from outside, and judged by
//! what its publishers and receivers saw.

pub mod evidence;
pub mod fault;
pub mod fleet;
pub mod inject;
pub mod journal;
pub mod oracle;
pub mod plan;
pub mod publisher;
pub mod receiver;
pub mod report;
pub mod run;
pub mod trial;
pub mod worker;
