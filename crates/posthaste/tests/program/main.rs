//! The whole program, each role a process: what is published arrives, whatever is killed.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

mod configuration;
mod dead_letters;
mod delivery;
mod demonstration;
mod doctor;
mod fairness;
mod filters;
mod gone;
mod health;
mod kill;
mod leaving_alone;
mod log;
mod management;
mod operator;
mod portal;
mod publishers;
mod publishing;
mod quarantine;
mod recovery;
mod replays;
mod retrying;
mod schemas;
mod support;
mod traces;
