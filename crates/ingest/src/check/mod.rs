//! From a publisher's draft to an event, or to what is wrong with it. Nothing here does input or
//! output.

mod cloudevent;
mod draft;
mod event;
mod header;
mod json;
mod nesting;
mod refusal;

pub(crate) use cloudevent::{binary, is_json, structured};
pub(crate) use draft::{Draft, trace};
pub(crate) use event::{Publisher, check, fresh_ids, tenant};
pub(crate) use header::value;
pub(crate) use json::{countable, envelope, items, payload, sized};
pub(crate) use refusal::{Reason, Refusal};

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
