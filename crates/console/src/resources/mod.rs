//! The resources, one a file: what they look like, and what may be done to them.

pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod branding;
pub(crate) mod dead_letters;
pub(crate) mod deliveries;
pub(crate) mod egress_ips;
pub(crate) mod endpoint_stats;
pub(crate) mod endpoint_tests;
pub(crate) mod endpoints;
pub(crate) mod event_types;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod ledger;
pub(crate) mod people;
pub(crate) mod portal_links;
pub(crate) mod queues;
pub(crate) mod replays;
pub(crate) mod settings;
pub(crate) mod signature_check;
pub(crate) mod simulation;
pub(crate) mod tenants;
pub(crate) mod troubled;

mod again;
pub(crate) mod given;
mod own_headers;
pub(crate) mod retry;
mod selection;
pub(crate) mod text;

#[cfg(test)]
mod tests;
