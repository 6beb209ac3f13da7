//! The management API against a real RabbitMQ and a real Postgres, as its callers see it.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint knows functions marked as tests alone"
)]

mod access;
mod audit;
mod audited;
mod bodies;
mod branding;
mod dead_letters;
mod deliveries;
mod endpoint_form;
mod endpoint_stats;
mod endpoints;
mod event_type_names;
mod events;
mod explain;
mod filters;
mod health;
mod held;
mod hostile;
mod ledger;
mod letter_pages;
mod live;
mod oidc;
mod overview;
mod paging;
mod platform;
mod platform_pages;
mod replay;
mod replay_pages;
mod replays;
mod schemas;
mod secrets;
mod sessions;
mod settings;
mod signatures;
mod webhooks;

mod browser;
mod document;
mod issuer;
mod past;
mod world;
