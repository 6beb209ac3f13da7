//! Schemas: what an event type asks of its payloads, as JSON Schema.
//!
//! A [`Schema`] is compiled once and then checks payloads; a [`Declared`] one is compiled when the
//! first payload asks for it. Both happen on threads with [deep](Deep) stacks, because how deep a
//! check goes is for the schema and the payload to say.
//!
//! **Invariants:** no reference leaves the schema: nothing is fetched or opened. Every check ends
//! within a number of steps that depends on the schema and the payload alone, never on the clock:
//! the same payload always gets the same verdict. What is said of a payload names its members and
//! the schema's keywords, and never a value. A payload is read here and written nowhere.

mod bounds;
mod deep;
mod explain;
mod meter;
mod node;
mod pointer;
mod schema;

mod declared;

pub use declared::Declared;
pub use deep::{Checkers, Deep, deeply};
pub use schema::{Schema, SchemaError};

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
