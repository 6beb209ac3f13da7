//! The whole program, each role a process: what is published arrives, whatever is killed.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

mod accessibility;
mod alerts;
mod canaries;
mod catalogue;
mod configuration;
mod contract;
mod dead_letters;
mod delivery;
mod demonstration;
mod deployment;
mod doctor;
mod embedding;
mod exposition;
mod fairness;
mod filters;
mod gone;
mod health;
mod inside;
mod kill;
mod leaving_alone;
mod libraries;
mod log;
mod management;
mod metrics;
mod operations;
mod operator;
mod pictures;
mod portal;
mod publishers;
mod publishing;
mod quarantine;
mod receivers;
mod recovery;
mod replays;
mod restarts;
mod retrying;
mod scene;
mod schemas;
mod support;
mod traces;
